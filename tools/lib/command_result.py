"""The result of a command, as JSON or as text."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tfl_depth.tools.lib.printable import printable


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json for `tell`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def tell(options: argparse.Namespace, result: Any, text: str) -> None:
    """Print the result of a command, as JSON with --json or as text."""
    print(json.dumps(result, indent=2) if options.json else printable(text))
