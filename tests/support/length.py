"""How long the tests of endurance run: short with all the others, in full by `make soak`."""

from __future__ import annotations

import os

VARIABLE = "TFL_DEPTH_FULL"


def length(short: int, full: int) -> int:
    """`full` where $TFL_DEPTH_FULL is set, else `short`."""
    return full if os.environ.get(VARIABLE) else short
