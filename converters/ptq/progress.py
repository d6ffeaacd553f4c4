"""How slow steps show how far they have come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

# Wraps an iterable and shows its progress; given its length and what is done.
Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


def silent(items: Iterable[Any], _total: int, _what: str) -> Iterable[Any]:
    """Show nothing."""
    return items
