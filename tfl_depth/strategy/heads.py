"""Other heads than the exact split, to be trained on the same features: the ideas before ours.

Each says what a network gives in place of metres, and how a board would read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import layers, ops
from scipy.spatial import cKDTree

from tfl_depth.losses import log_l1_with_gradient, seed_dual_head
from tfl_depth.models.dual_head import PinnedRange

Array = npt.NDArray[np.floating[Any]]
Outputs = Mapping[str, Any]

# Nearer than anything that is measured here; the log head's codes begin there.
NEAREST_M = 0.25
# 2^p cells along each side. The authors gain up to three bits: eight cells.
HILBERT_ORDER = 3
# A sigmoid never reaches its ends.
SIGMOID_ENDS = (0.02, 0.98)


@dataclass(frozen=True)
class Head:
    """A way to say depth.

    Attributes:
        outputs: names, each a tensor (batch, h, w, 1).
        sigmoid: whether they pass a sigmoid; otherwise they are linear, 0 to `top` when quantised.
        top: the largest value of a linear output.
        encode: depth in metres to the value of each output.
        decode: what a board does with each output's values; by the name of a way to do it.
        loss: (true depth in metres, 0 = none; outputs by name) to a scalar.
    """

    outputs: tuple[str, ...]
    sigmoid: bool
    top: float
    encode: Callable[[Array], dict[str, Array]]
    decode: dict[str, Callable[[Mapping[str, Array]], Array]]
    loss: Callable[[Any, Outputs], Any]

    def on(self, features: Any) -> dict[str, Any]:
        """The head's layers on a network's last features, (batch, h, w, C)."""
        found = {}
        for name in self.outputs:
            value = layers.Conv2D(1, 1, name=f"{name}_head")(features)
            if self.sigmoid:
                value = layers.Activation("sigmoid", name=f"{name}_sigmoid")(value)
            found[name] = value
        return found

    def pinned(self, outputs: Outputs) -> dict[str, Any]:
        """The same outputs, of fixed ranges; that of a sigmoid is fixed by TensorFlow Lite."""
        if self.sigmoid:
            return dict(outputs)
        return {
            name: PinnedRange(0.0, self.top, name=f"{name}_range")(value)
            for name, value in outputs.items()
        }

    def aims(self, depth_m: Array) -> dict[str, Array]:
        """What the head's convolutions should say where the depth is this."""
        values = self.encode(depth_m)
        if not self.sigmoid:
            return values
        clipped = {name: np.clip(value, *SIGMOID_ENDS) for name, value in values.items()}
        return {name: np.log(value / (1 - value)) for name, value in clipped.items()}


def heads(max_depth_m: float) -> dict[str, Head]:
    """All heads, for a range from 0 to `max_depth_m`."""
    return {
        "longer": _linear(max_depth_m),
        "log": _log(max_depth_m),
        "seed": _seed(max_depth_m),
        "hilbert": _hilbert(max_depth_m),
    }


def _linear(max_depth_m: float) -> Head:
    return Head(
        outputs=("depth",),
        sigmoid=False,
        top=max_depth_m,
        encode=lambda depth_m: {"depth": depth_m},
        decode={"single": lambda values: values["depth"]},
        loss=lambda true, values: log_l1_with_gradient(true, values["depth"]),
    )


def _log(max_depth_m: float) -> Head:
    """Depth's logarithm: steps of equal share, not of equal length."""
    decades = float(np.log(max_depth_m / NEAREST_M))
    return Head(
        outputs=("log_depth",),
        sigmoid=False,
        top=1.0,
        encode=lambda depth_m: {
            "log_depth": np.log(np.maximum(depth_m, NEAREST_M) / NEAREST_M) / decades
        },
        decode={"log": lambda values: NEAREST_M * np.exp(decades * values["log_depth"])},
        loss=lambda true, values: log_l1_with_gradient(
            true, NEAREST_M * ops.exp(decades * values["log_depth"])
        ),
    )


def _seed(max_depth_m: float) -> Head:
    """The seed project's two sigmoid heads (ST2): whole metres, and the fraction of a metre."""

    def encode(depth_m: Array) -> dict[str, Array]:
        whole = np.floor(depth_m)
        return {"integer": whole / max_depth_m, "fractional": depth_m - whole}

    def by_sum(values: Mapping[str, Array]) -> Array:
        return np.asarray(max_depth_m * values["integer"] + values["fractional"])

    def by_rounding(values: Mapping[str, Array]) -> Array:
        return np.asarray(np.rint(max_depth_m * values["integer"]) + values["fractional"])

    return Head(
        outputs=("integer", "fractional"),
        sigmoid=True,
        top=1.0,
        encode=encode,
        decode={"sum": by_sum, "round": by_rounding},
        loss=lambda true, values: seed_dual_head(
            true, values["integer"], values["fractional"], max_depth_m=max_depth_m
        ),
    )


def _hilbert(max_depth_m: float) -> Head:
    """Depth as a point on a Hilbert curve (M. Uss et al., ICML 2025, arXiv 2405.14024).

    The curve is longer than the square is wide: so many more depths two bytes tell apart. Read is
    the curve's point that lies nearest.
    """
    corners = hilbert_curve(HILBERT_ORDER)
    places = np.linspace(0, 1, len(corners))
    fine = np.linspace(0, 1, 64 * len(corners))
    curve = np.stack([np.interp(fine, places, corners[:, axis]) for axis in (0, 1)], axis=1)
    nearest = cKDTree(curve)

    def encode(depth_m: Array) -> dict[str, Array]:
        share = np.clip(depth_m / max_depth_m, 0, 1)
        x, y = (np.interp(share, places, corners[:, axis]).astype(np.float32) for axis in (0, 1))
        return {"x": x, "y": y}

    def decode(values: Mapping[str, Array]) -> Array:
        points = np.stack([values["x"].ravel(), values["y"].ravel()], axis=1)
        _, found = nearest.query(points)
        return np.asarray(max_depth_m * fine[found].reshape(values["x"].shape), np.float32)

    along = ops.convert_to_tensor(corners.astype(np.float32))

    def loss(true: Any, values: Outputs) -> Any:
        place = ops.clip(true / max_depth_m, 0, 1) * (len(corners) - 1)
        before = ops.minimum(ops.floor(place), len(corners) - 2.0)
        index, share = ops.cast(before, "int32"), place - before
        total, valid = 0.0, ops.cast(true > 0, "float32")
        for axis, name in enumerate(("x", "y")):
            one, other = (ops.take(along[:, axis], index + step) for step in (0, 1))
            aim = one + share * (other - one)
            total += ops.sum(ops.abs(values[name] - aim) * valid)
        return total / ops.maximum(ops.sum(valid), 1.0)

    return Head(("x", "y"), False, 1.0, encode, {"hilbert": decode}, loss)


def hilbert_curve(order: int) -> npt.NDArray[np.float64]:
    """The centres of 4^order cells of the unit square, (4^order, 2), each beside the one before."""
    centres = np.full((1, 2), 0.5)
    for _ in range(order):
        # Four copies of half the size; the first and the last turned about a diagonal.
        half = centres / 2
        turned, turned_back = half[:, ::-1], 0.5 - half[:, ::-1]
        above, beside = np.array([0, 0.5]), np.array([0.5, 0])
        centres = np.concatenate(
            [turned, half + above, half + above + beside, turned_back + beside]
        )
    return centres
