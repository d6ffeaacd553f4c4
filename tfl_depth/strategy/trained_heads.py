"""The heads of networks that are trained further: one head, or two separate heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.strategy.experiments import TrainedNetwork

Array = npt.NDArray[np.floating[Any]]
Values = Mapping[str, Any]

# A sigmoid never reaches 0 and 1.
SIGMOID_ENDS = (0.02, 0.98)


@dataclass(frozen=True)
class TrainedHead:
    """An encoding of depth in outputs (batch, h, w, 1) of 1x1 convolutions.

    Attributes:
        outputs: their names.
        sigmoid: whether a sigmoid follows each convolution.
        encode: depth in meters to the value of each output.
        decode: functions from the outputs' values to depth, by name.
        loss: (true depth in meters, 0 = none; outputs by name) to a scalar.
    """

    outputs: tuple[str, ...]
    sigmoid: bool
    encode: Callable[[Array], dict[str, Array]]
    decode: dict[str, Callable[[Mapping[str, Array]], Array]]
    loss: Callable[[Any, Values], Any]

    def on(self, features: Any) -> dict[str, Any]:
        """The head's layers on a network's last features, (batch, h, w, C)."""
        from keras import layers

        found = {}
        for name in self.outputs:
            value = layers.Conv2D(1, 1, name=f"{name}_head")(features)
            if self.sigmoid:
                value = layers.Activation("sigmoid", name=f"{name}_sigmoid")(value)
            found[name] = value
        return found

    def targets(self, depth_m: Array) -> dict[str, Array]:
        """The targets of the head's convolutions for a depth."""
        values = self.encode(depth_m)
        if not self.sigmoid:
            return values
        clipped = {name: np.clip(value, *SIGMOID_ENDS) for name, value in values.items()}
        return {name: np.log(value / (1 - value)) for name, value in clipped.items()}


def trained_head(network: TrainedNetwork, max_depth_m: float) -> TrainedHead:
    """The head of a network that is trained further.

    Args:
        network: which one.
        max_depth_m: end of the range of depth.
    """
    return _two_heads(max_depth_m) if network == "two_heads" else _meters()


def _meters() -> TrainedHead:
    def loss(true: Any, values: Values) -> Any:
        from tfl_depth.losses import log_l1_with_gradient

        return log_l1_with_gradient(true, values["depth"])

    return TrainedHead(
        outputs=("depth",),
        sigmoid=False,
        encode=lambda depth_m: {"depth": depth_m},
        decode={"single": lambda values: values["depth"]},
        loss=loss,
    )


def _two_heads(max_depth_m: float) -> TrainedHead:
    """Two sigmoid heads: whole meters, and the fraction of a meter."""

    def encode(depth_m: Array) -> dict[str, Array]:
        whole = np.floor(depth_m)
        return {"integer": whole / max_depth_m, "fractional": depth_m - whole}

    def by_sum(values: Mapping[str, Array]) -> Array:
        return np.asarray(max_depth_m * values["integer"] + values["fractional"])

    def by_rounding(values: Mapping[str, Array]) -> Array:
        return np.asarray(np.rint(max_depth_m * values["integer"]) + values["fractional"])

    def loss(true: Any, values: Values) -> Any:
        from tfl_depth.losses import two_head_loss

        return two_head_loss(true, values["integer"], values["fractional"], max_depth_m=max_depth_m)

    return TrainedHead(
        outputs=("integer", "fractional"),
        sigmoid=True,
        encode=encode,
        decode={"sum": by_sum, "round": by_rounding},
        loss=loss,
    )
