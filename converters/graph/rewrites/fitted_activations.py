"""Activations with parameters, found from a few values: leaky ReLU, swish, ELU and others."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Tensor
from tfl_depth.converters.graph.rewrites.activation_values import (
    GRID,
    TOLERANCE,
    Known,
    Values,
    is_near,
    sigmoid,
    value_at,
)
from tfl_depth.converters.graph.rewrites.maker import Maker

# A slope below zero that is closer to 1 is regarded as x itself.
_LEAST_BEND = 1e-3


def prelu(values: Values) -> Known | None:
    """Return the slopes below zero, one for each channel."""
    slopes = -value_at(values, -1)
    x = GRID[:, None]
    is_bent = np.abs(slopes - 1).max() >= _LEAST_BEND
    if not is_bent or not is_near(values, np.where(x > 0, x, slopes * x)):
        return None
    return Known(lambda x: x, lambda maker, x: _write_prelu(maker, x, slopes))


def _write_prelu(maker: Maker, x: Tensor, slopes: Values) -> None:
    shape = (1,) * (len(x.shape) - 2) + (slopes.size,)
    maker.apply("PRELU", [x, maker.constant(slopes.reshape(shape))], x.shape)


def fitted_activations(values: Values) -> list[Known]:
    """Yield activations with parameters computed from a few values."""
    return [*_fitted_leaky(values), *_fitted_swish(values), *_fitted_elu(values)]


def _fitted_leaky(values: Values) -> list[Known]:
    slope = -float(value_at(values, -1))
    if abs(slope - 1) < _LEAST_BEND:
        return []
    return [
        Known(
            lambda x: np.where(x > 0, x, slope * x),
            lambda maker, x: _write_leaky(maker, x, slope),
        )
    ]


def _write_leaky(maker: Maker, x: Tensor, slope: float) -> None:
    maker.unary("LEAKY_RELU", x, options("LeakyReluOptions", alpha=slope))


def _fitted_swish(values: Values) -> list[Known]:
    share = float(value_at(values, 1))
    if not 0.5 < share < 1:
        return []
    slope = float(np.float32(np.log(share / (1 - share))))
    slope = 1.0 if abs(slope - 1) < TOLERANCE else slope
    return [Known(lambda x: x * sigmoid(slope * x), lambda maker, x: _swish(maker, x, slope))]


def _swish(maker: Maker, x: Tensor, slope: float) -> None:
    inner = x if slope == 1 else maker.binary("MUL", x, slope)
    maker.binary("MUL", x, maker.unary("LOGISTIC", inner))


def _fitted_elu(values: Values) -> list[Known]:
    """Return a x above zero and b (exp(x / c) - 1) below, as ELU, CELU and SELU."""
    a, b = float(value_at(values, 1)), -float(value_at(values, -40))
    ratio = 1 + float(value_at(values, -1)) / b if b > 0 else 0.0
    if not 0 < ratio < 1:
        return []
    c = float(-1 / np.log(ratio))
    a, b, c = (1.0 if abs(value - 1) < 10 * TOLERANCE else value for value in (a, b, c))

    def elu(x: Values) -> Values:
        return np.where(x > 0, a * x, b * np.expm1(np.minimum(x, 0) / c))

    return [Known(elu, lambda maker, x: _elu(maker, x, a, b, c))]


def _elu(maker: Maker, x: Tensor, a: float, b: float, c: float) -> None:
    made = maker.unary("ELU", x if c == 1 else maker.binary("MUL", x, 1 / c))
    if b != 1:
        made = maker.binary("MUL", made, b)
    slope = a - b / c
    if abs(slope) > TOLERANCE:
        maker.binary("ADD", made, maker.binary("MUL", maker.unary("RELU", x), slope))
