"""The stranger of Keras 2; tf-keras is imported when it is built."""

from __future__ import annotations

from typing import Any

from tests.networks.stranger import Size, Stranger


def _build(size: Size, width: float) -> Any:
    from tests.networks.keras2_networks import inverse_sigmoid

    return inverse_sigmoid(size, width)


KERAS2 = (
    Stranger(
        "keras2",
        "MobileNet (A. Howard et al., 2017) with a U-Net, in tf-keras",
        "1 / (0.1 + 9.9 sigmoid(batch norm(y)))",
        _build,
        10.0,
        (-0.5, -5.0),
        framework="keras2",
        input_range=(-1.0, 1.0),
    ),
)
