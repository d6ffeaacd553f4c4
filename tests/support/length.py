"""How long tests run that could run for minutes: short with all others, in full by `make soak`."""

from __future__ import annotations

import os

import pytest

VARIABLE = "TFL_DEPTH_FULL"
# For the further examples of what a shorter test shows.
in_full = pytest.mark.skipif(not os.environ.get(VARIABLE), reason="run by make soak")


def length(short: int, full: int) -> int:
    """`full` where $TFL_DEPTH_FULL is set, else `short`."""
    return full if os.environ.get(VARIABLE) else short
