"""The result files of measurements, in docs/figures: the documents' numbers come from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfl_depth.files import write_whole


def write_result(path: Path, result: Any) -> None:
    """Write a result that is ready for JSON.

    Raises:
        OutputError: it cannot be written.
    """
    write_whole(path, (json.dumps(result, indent=2) + "\n").encode())


def read_result(path: Path) -> Any:
    """Read a result file."""
    return json.loads(path.read_text(encoding="utf-8"))
