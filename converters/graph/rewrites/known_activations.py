"""Activations recognized by their values, and the operators that compute them best in int8.

Measured on int8 kernels (XNNPACK, built-in, reference, tflite-runtime 2.14) and by Vela 5.2 for a
map of 96x160x32 after a 1x1 convolution on an Ethos-U55-128, in microseconds:

- ELU, GELU, HARD_SWISH, LEAKY_RELU are tables: they round the result once, and Vela fuses them into
  the convolution at no cost (987, the same as without an activation). ELU from RELU, MINIMUM, EXP,
  SUB and ADD is a little less exact and takes 6,395.
- SiLU is LOGISTIC and MUL (2,216).
- Softplus as LOG(1 + EXP(x)) fails: EXP has one scale for e^-8 and e^8 (mean error of 1.3).
  relu(x) - log(sigmoid(|x|)) errs by 0.02, less than its output's step. Of all operators here, only
  LOG has no integer kernel in tflite-runtime 2.14.
- Mish with RSQRT instead of LOG is as exact, and runs there.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erf, sqrt

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
from tfl_depth.converters.graph.rewrites.fitted_activations import fitted_activations, prelu
from tfl_depth.converters.graph.rewrites.maker import Maker

# A point of the grid at which activations are close to their limits.
_END = 40.0


def known_activation(values: Values) -> Known | None:
    """Return the activation with these values, (points, channels), on `GRID`, or None.

    It may be a multiple of one, if a factor of its formula was folded into a later kernel, such as
    the 0.5 of GELU.
    """
    if not np.array_equal(values, np.broadcast_to(values[:, :1], values.shape), equal_nan=True):
        return prelu(values)
    values = values[:, 0]
    plain = _plain(values)
    if plain is not None:
        return plain
    for factor in _factors(values):
        found = _plain(values / factor)
        if found is not None:
            return _times(found, factor)
    return None


def _plain(values: Values) -> Known | None:
    candidates = (*_FIXED, *fitted_activations(values))
    return next((each for each in candidates if is_near(values, each.values(GRID))), None)


def _factors(values: Values) -> list[float]:
    """Return the limits of a function (a x, or a number); none if it is straight on both sides."""
    end, middle = float(value_at(values, _END)), float(value_at(values, _END / 2))
    below = float(value_at(values, -1)), float(value_at(values, -2))
    if end == 2 * middle and below[1] == 2 * below[0]:
        return []
    found = (end / _END, end)
    return [factor for factor in found if abs(factor) > TOLERANCE and factor != 1]


def _times(known: Known, factor: float) -> Known:
    def write(maker: Maker, x: Tensor) -> None:
        known.write(maker, x)
        maker.binary("MUL", maker.operators[-1].output, factor)

    return Known(lambda x: factor * known.values(x), write)


def _unary(maker: Maker, kind: str, x: Tensor, made: object = None) -> None:
    maker.unary(kind, x, made)


def _fixed(kind: str, values: Callable[[Values], Values], made: object = None) -> Known:
    return Known(values, lambda maker, x: _unary(maker, kind, x, made))


def _softplus(x: Values) -> Values:
    return np.logaddexp(0, x)


def _gelu(x: Values) -> Values:
    share: Values = np.vectorize(erf)(x / sqrt(2))
    return x * (1 + share) / 2


def _gelu_tanh(x: Values) -> Values:
    share: Values = np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return x * (1 + share) / 2


def _log_sigmoid_of_magnitude(maker: Maker, x: Tensor) -> Tensor:
    """Compute -log(1 + exp(-|x|)), from -0.69 to 0."""
    return maker.unary("LOG", maker.unary("LOGISTIC", maker.unary("ABS", x)))


def _write_softplus(maker: Maker, x: Tensor) -> None:
    maker.binary("SUB", maker.unary("RELU", x), _log_sigmoid_of_magnitude(maker, x))


def _write_log_sigmoid(maker: Maker, x: Tensor) -> None:
    maker.binary("ADD", maker.binary("MINIMUM", x, 0.0), _log_sigmoid_of_magnitude(maker, x))


def _write_mish(maker: Maker, x: Tensor) -> None:
    """Compute x (2 / (1 + s^2) - 1), s = 1 - sigmoid(x): x tanh(softplus(x)) without logarithms."""
    s = maker.binary("SUB", 1.0, maker.unary("LOGISTIC", x))
    root = maker.unary("RSQRT", maker.binary("ADD", maker.binary("MUL", s, s), 1.0))
    share = maker.binary("SUB", maker.binary("MUL", root, root), 0.5)
    half = maker.binary("MUL", x, share)
    maker.binary("ADD", half, half)


def _write_softsign(maker: Maker, x: Tensor) -> None:
    """Compute x / (1 + |x|). A U55 has no division, and the int8 kernel stops at zeros."""
    root = maker.unary("RSQRT", maker.binary("ADD", maker.unary("ABS", x), 1.0))
    maker.binary("MUL", maker.binary("MUL", x, root), root)


_FIXED = (
    _fixed("RELU", lambda x: np.maximum(x, 0)),
    _fixed("RELU6", lambda x: np.clip(x, 0, 6)),
    _fixed("RELU_0_TO_1", lambda x: np.clip(x, 0, 1)),
    _fixed("RELU_N1_TO_1", lambda x: np.clip(x, -1, 1)),
    _fixed("ABS", np.abs),
    _fixed("LOGISTIC", sigmoid),
    _fixed("TANH", np.tanh),
    _fixed("HARD_SWISH", lambda x: x * np.clip(x + 3, 0, 6) / 6),
    _fixed("GELU", _gelu, options("GeluOptions", approximate=False)),
    _fixed("GELU", _gelu_tanh, options("GeluOptions", approximate=True)),
    Known(_softplus, _write_softplus),
    Known(lambda x: -_softplus(-x), _write_log_sigmoid),
    Known(lambda x: x * np.tanh(_softplus(x)), _write_mish),
    Known(lambda x: x / (1 + np.abs(x)), _write_softsign),
)
