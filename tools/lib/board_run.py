"""Run a command on a board, with the sensors before and after it."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from tfl_depth.boards.sensors import read_sensors
from tfl_depth.boards.tool_output import MARK


def main(arguments: Sequence[str]) -> int:
    """Run a command like `tfl-depth NAME ...`, and print the sensors after its output."""
    name, *rest = arguments
    before = asdict(read_sensors())
    status = importlib.import_module(f"tfl_depth.tools.{name}").main(rest)
    print(f"{MARK}{json.dumps({'before': before, 'after': asdict(read_sensors())})}", flush=True)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
