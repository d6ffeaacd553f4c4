"""Convolutions that follow each other, with nothing between them but a ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from tfl_depth.converters.keras_graph import CONVOLUTIONS, convolutions, only_consumer


@dataclass(frozen=True)
class Pair:
    """Two convolutions: a factor can move from the channels between them to either side.

    Attributes:
        first, second: the convolutions.
        between: the layer whose output the second one takes: an activation, or `first`.
        ceiling: where the activation clips, or None where it does not.
    """

    first: Any
    second: Any
    between: Any
    ceiling: float | None


def pairs(model: keras.Model) -> list[Pair]:
    """All pairs of a canonical network, from its input on."""
    found = (_pair(model, first) for first in convolutions(model))
    return [pair for pair in found if pair is not None]


def _pair(model: keras.Model, first: Any) -> Pair | None:
    between, ceiling = first, None
    after = only_consumer(model, first)
    if _is_relu(after):
        between, ceiling = after, _ceiling(after)
        after = only_consumer(model, after)
    return Pair(first, after, between, ceiling) if isinstance(after, CONVOLUTIONS) else None


def bounds(model: keras.Model, layer: Any) -> tuple[float, float]:
    """What the activation behind a convolution clips its output to."""
    after = only_consumer(model, layer)
    if not _is_relu(after):
        return -np.inf, np.inf
    ceiling = _ceiling(after)
    return 0.0, np.inf if ceiling is None else ceiling


def importance(pair: Pair) -> npt.NDArray[np.float64]:
    """How much the second convolution makes of an error in each channel between: mean square."""
    kernel = np.asarray(pair.second.get_weights()[0], np.float64)
    return np.asarray(np.square(kernel).mean(axis=(0, 1, 3)))


def _is_relu(layer: Any) -> bool:
    if isinstance(layer, layers.Activation):
        return layer.activation in (keras.activations.relu, keras.activations.relu6)
    plain = isinstance(layer, layers.ReLU) and not layer.negative_slope and not layer.threshold
    return plain


def _ceiling(layer: Any) -> float | None:
    if isinstance(layer, layers.Activation):
        return 6.0 if layer.activation is keras.activations.relu6 else None
    return None if layer.max_value is None else float(layer.max_value)
