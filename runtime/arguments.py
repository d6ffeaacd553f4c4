"""Checks of arguments that are numbers. They run before any work starts."""

from __future__ import annotations

import operator
from typing import Any

from tfl_depth.errors import DepthError

# Eleven days. One wait of the system's clocks is limited to 24 days.
LONGEST_S = 1_000_000.0


def expect_count(name: str, value: Any, what: str = "") -> int:
    """Check that a value is a whole number of at least 1.

    Args:
        name: of the argument.
        value: of the argument.
        what: unit of the number, for the error.

    Raises:
        DepthError: it is not.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise DepthError(f"Expected `{name}` to be a whole number, got {value!r}.") from None
    if count < 1:
        unit = f" {what}" if what else ""
        raise DepthError(f"Expected `{name}` to be at least 1{unit}, got {count}.")
    return count


def expect_seconds(name: str, value: Any) -> float:
    """Check that a value is a time above 0, in seconds.

    Raises:
        DepthError: it is not, or it is longer than `LONGEST_S`.
    """
    if not isinstance(value, (int, float)) or not value > 0:
        raise DepthError(f"Expected `{name}` to be above 0, got {value!r}.")
    if value > LONGEST_S:
        raise DepthError(f"Expected `{name}` to be at most {LONGEST_S:.0f} s, got {value!r}.")
    return float(value)
