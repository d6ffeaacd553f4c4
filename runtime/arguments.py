"""Arguments that are numbers, checked before anything is begun."""

from __future__ import annotations

import operator
from typing import Any

from tfl_depth.errors import DepthError

# Eleven days. The system's clocks take no more than 24 in one wait.
LONGEST_S = 1_000_000.0


def expect_count(name: str, value: Any, what: str = "") -> int:
    """A whole number of at least 1.

    Args:
        name: of the argument.
        value: that was given.
        what: is counted, for the error.

    Raises:
        DepthError: it is none.
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
    """A length of time above 0.

    Raises:
        DepthError: it is none, or longer than `LONGEST_S`.
    """
    if not isinstance(value, (int, float)) or not value > 0:
        raise DepthError(f"Expected `{name}` to be above 0, got {value!r}.")
    if value > LONGEST_S:
        raise DepthError(f"Expected `{name}` to be at most {LONGEST_S:.0f} s, got {value!r}.")
    return float(value)
