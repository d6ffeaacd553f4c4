"""All strangers by name."""

from __future__ import annotations

from tests.networks.stranger import Stranger


def strangers() -> tuple[Stranger, ...]:
    """Those of every framework. Keras 3 is imported here, the others when a network is built."""
    from tests.networks.keras2_strangers import KERAS2
    from tests.networks.keras_strangers import KERAS
    from tests.networks.torch_strangers import TORCH

    return (*KERAS, *TORCH, *KERAS2)


def stranger_named(name: str) -> Stranger:
    """One of them.

    Raises:
        KeyError: there is none of that name.
    """
    return {stranger.name: stranger for stranger in strangers()}[name]
