"""Activations told by their values, and the operators that int8 computes them best with.

Measured on int8 kernels (XNNPACK, built-in, reference, tflite-runtime 2.14) and by Vela 5.2 for a
map of 96x160x32 behind a 1x1 convolution on an Ethos-U55-128, in microseconds:

- ELU, GELU, HARD_SWISH, LEAKY_RELU are tables: they round the result once, and Vela gives them to
  the convolution in front for nothing (987, as with no activation at all). ELU from RELU, MINIMUM,
  EXP, SUB and ADD is a little less exact and takes 6,395.
- SiLU is LOGISTIC and MUL (2,216).
- Softplus as LOG(1 + EXP(x)) fails: EXP has one scale for e^-8 and e^8 (mean error of 1.3).
  relu(x) - log(sigmoid(|x|)) errs by 0.02, less than its output's step. Of all operators here, only
  LOG has no integer kernel in tflite-runtime 2.14.
- Mish with RSQRT instead of LOG is as exact, and runs there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Tensor
from tfl_depth.converters.graph.rewrites.maker import Maker

Values = npt.NDArray[np.float64]
Writer = Callable[[Maker, Tensor], None]

# Where functions are compared. Exponentials stay finite in float32.
GRID = np.concatenate([np.linspace(-8, 8, 1601), [-40, -20, -12, -10, 10, 12, 20, 40]])
_TOLERANCE = 3e-6
_LEAST_BEND = 1e-3


@dataclass(frozen=True)
class Known:
    """An activation.

    Attributes:
        values: what it gives for x.
        write: appends its operators.
    """

    values: Callable[[Values], Values]
    write: Writer


def known_activation(values: Values) -> Known | None:
    """The activation that gives these values, (points, channels), on `GRID`, or None."""
    if not np.array_equal(values, np.broadcast_to(values[:, :1], values.shape)):
        return _prelu(values)
    values = values[:, 0]
    for candidate in (*_FIXED, *_fitted(values)):
        expected = candidate.values(GRID)
        if np.all(np.abs(expected - values) <= _TOLERANCE * (1 + np.abs(GRID))):
            return candidate
    return None


def _prelu(values: Values) -> Known | None:
    """Slopes below zero, one for each channel."""
    slopes = -values[np.argmin(np.abs(GRID + 1))]
    x = GRID[:, None]
    expected = np.where(x > 0, x, slopes * x)
    is_bent = np.abs(slopes - 1).max() >= _LEAST_BEND
    if not is_bent or np.any(np.abs(expected - values) > _TOLERANCE * (1 + np.abs(x))):
        return None
    return Known(lambda x: x, lambda maker, x: _write_prelu(maker, x, slopes))


def _write_prelu(maker: Maker, x: Tensor, slopes: Values) -> None:
    shape = (1,) * (len(x.shape) - 2) + (slopes.size,)
    maker.apply("PRELU", [x, maker.constant(slopes.reshape(shape))], x.shape)


def _at(values: Values, x: float) -> float:
    return float(values[np.argmin(np.abs(GRID - x))])


def _fitted(values: Values) -> list[Known]:
    """Activations with parameters, which a few of the values tell."""
    return [*_fitted_leaky(values), *_fitted_swish(values), *_fitted_elu(values)]


def _fitted_leaky(values: Values) -> list[Known]:
    slope = -_at(values, -1)
    # That is next to x itself.
    if abs(slope - 1) < _LEAST_BEND:
        return []
    made = options("LeakyReluOptions", alpha=slope)
    return [
        Known(
            lambda x: np.where(x > 0, x, slope * x),
            lambda maker, x: _unary(maker, "LEAKY_RELU", x, made),
        )
    ]


def _fitted_swish(values: Values) -> list[Known]:
    share = _at(values, 1)
    if not 0.5 < share < 1:
        return []
    slope = float(np.float32(np.log(share / (1 - share))))
    slope = 1.0 if abs(slope - 1) < _TOLERANCE else slope
    return [Known(lambda x: x * _sigmoid(slope * x), lambda maker, x: _swish(maker, x, slope))]


def _swish(maker: Maker, x: Tensor, slope: float) -> None:
    inner = x if slope == 1 else maker.binary("MUL", x, slope)
    maker.binary("MUL", x, maker.unary("LOGISTIC", inner))


def _fitted_elu(values: Values) -> list[Known]:
    """A x above zero, b (exp(x / c) - 1) below, as ELU, CELU and SELU are."""
    a, b = _at(values, 1), -_at(values, -40)
    ratio = 1 + _at(values, -1) / b if b > 0 else 0.0
    if not 0 < ratio < 1:
        return []
    c = float(-1 / np.log(ratio))
    a, b, c = (1.0 if abs(value - 1) < 10 * _TOLERANCE else value for value in (a, b, c))

    def elu(x: Values) -> Values:
        return np.where(x > 0, a * x, b * np.expm1(np.minimum(x, 0) / c))

    return [Known(elu, lambda maker, x: _elu(maker, x, a, b, c))]


def _elu(maker: Maker, x: Tensor, a: float, b: float, c: float) -> None:
    made = maker.unary("ELU", x if c == 1 else maker.binary("MUL", x, 1 / c))
    if b != 1:
        made = maker.binary("MUL", made, b)
    slope = a - b / c
    if abs(slope) > _TOLERANCE:
        maker.binary("ADD", made, maker.binary("MUL", maker.unary("RELU", x), slope))


def _unary(maker: Maker, kind: str, x: Tensor, made: object = None) -> None:
    maker.unary(kind, x, made)


def _fixed(kind: str, values: Callable[[Values], Values], made: object = None) -> Known:
    return Known(values, lambda maker, x: _unary(maker, kind, x, made))


def _sigmoid(x: Values) -> Values:
    return 1 / (1 + np.exp(-x))


def _softplus(x: Values) -> Values:
    return np.logaddexp(0, x)


def _gelu(x: Values) -> Values:
    share: Values = np.vectorize(erf)(x / sqrt(2))
    return x * (1 + share) / 2


def _gelu_tanh(x: Values) -> Values:
    share: Values = np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return x * (1 + share) / 2


def _log_sigmoid_of_magnitude(maker: Maker, x: Tensor) -> Tensor:
    """-log(1 + exp(-|x|)), from -0.69 to 0."""
    return maker.unary("LOG", maker.unary("LOGISTIC", maker.unary("ABS", x)))


def _write_softplus(maker: Maker, x: Tensor) -> None:
    maker.binary("SUB", maker.unary("RELU", x), _log_sigmoid_of_magnitude(maker, x))


def _write_log_sigmoid(maker: Maker, x: Tensor) -> None:
    maker.binary("ADD", maker.binary("MINIMUM", x, 0.0), _log_sigmoid_of_magnitude(maker, x))


def _write_mish(maker: Maker, x: Tensor) -> None:
    """X (2 / (1 + s^2) - 1) with s = 1 - sigmoid(x): tanh(softplus(x)) without logarithms."""
    s = maker.binary("SUB", 1.0, maker.unary("LOGISTIC", x))
    root = maker.unary("RSQRT", maker.binary("ADD", maker.binary("MUL", s, s), 1.0))
    share = maker.binary("SUB", maker.binary("MUL", root, root), 0.5)
    half = maker.binary("MUL", x, share)
    maker.binary("ADD", half, half)


def _write_softsign(maker: Maker, x: Tensor) -> None:
    """X / (1 + |x|), whose division no U55 has, and whose int8 kernel stops at zeros."""
    root = maker.unary("RSQRT", maker.binary("ADD", maker.unary("ABS", x), 1.0))
    maker.binary("MUL", maker.binary("MUL", x, root), root)


_FIXED = (
    _fixed("RELU", lambda x: np.maximum(x, 0)),
    _fixed("RELU6", lambda x: np.clip(x, 0, 6)),
    _fixed("RELU_0_TO_1", lambda x: np.clip(x, 0, 1)),
    _fixed("RELU_N1_TO_1", lambda x: np.clip(x, -1, 1)),
    _fixed("ABS", np.abs),
    _fixed("LOGISTIC", _sigmoid),
    _fixed("TANH", np.tanh),
    _fixed("HARD_SWISH", lambda x: x * np.clip(x + 3, 0, 6) / 6),
    _fixed("GELU", _gelu, options("GeluOptions", approximate=False)),
    _fixed("GELU", _gelu_tanh, options("GeluOptions", approximate=True)),
    Known(_softplus, _write_softplus),
    Known(lambda x: -_softplus(-x), _write_log_sigmoid),
    Known(lambda x: x * np.tanh(_softplus(x)), _write_mish),
    Known(lambda x: x / (1 + np.abs(x)), _write_softsign),
)
