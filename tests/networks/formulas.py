"""What makes meters of an output whose formula is outside the network."""

from __future__ import annotations

from typing import Any


def of_disparity(disparity: Any) -> Any:
    """From a sigmoid's 0 to 1: 10 m at 0, 0.1 m at 1."""
    return 1 / (0.1 + 9.9 * disparity)


def of_reciprocal(y: Any) -> Any:
    """From 10 m / depth."""
    return 10 / y


def of_millimeters(y: Any) -> Any:
    """From millimeters."""
    return y / 1000
