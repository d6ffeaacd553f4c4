"""All strangers by name."""

from __future__ import annotations

from tests.networks.stranger import Stranger


def strangers() -> tuple[Stranger, ...]:
    """Those of every framework; the frameworks are imported when a network is built."""
    from tests.networks.keras_strangers import KERAS

    return KERAS


def stranger_named(name: str) -> Stranger:
    """One of them.

    Raises:
        KeyError: there is none of that name.
    """
    return {stranger.name: stranger for stranger in strangers()}[name]
