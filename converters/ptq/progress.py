"""The progress of slow steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

# Wraps an iterable and shows its progress. Arguments: the iterable, its length, the name of the
# step.
Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


def silent(items: Iterable[Any], _total: int, _what: str) -> Iterable[Any]:
    """Show nothing."""
    return items
