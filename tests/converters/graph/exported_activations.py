"""Activations as TensorFlow's converter (tf), litert-torch (pt) and onnx2tf (o2t) write them."""

from __future__ import annotations

import numpy as np

from tests.converters.graph.build import Build
from tfl_depth.converters.graph import Tensor

# Of erf, by Abramowitz and Stegun 7.1.26, from the highest power on.
_ERF = (1.0614054203, -1.4531520605, 1.4214137793, -0.2844967246, 0.2548295856)


def _chosen(build: Build, test: str, x: Tensor, number: float, yes: Tensor, no: Tensor) -> Tensor:
    condition = build.apply(test, [x, number], x.shape, dtype=np.bool_)
    return build.apply("SELECT", [condition, yes, no], x.shape)


def elu_pt(build: Build, x: Tensor) -> Tensor:
    below = build.binary("SUB", build.unary("EXP", x), 1.0)
    return _chosen(build, "GREATER_EQUAL", x, 0.0, x, below)


def celu_tf(build: Build, x: Tensor) -> Tensor:
    below = build.unary("EXP", build.binary("MINIMUM", x, 0.0))
    return build.binary("ADD", build.unary("RELU", x), build.binary("SUB", below, 1.0))


def selu_tf(build: Build, x: Tensor) -> Tensor:
    below = build.binary("SUB", build.unary("EXP", x), 1.0)
    above = build.binary("MUL", x, 1.0507009873554805)
    below = build.binary("MUL", below, 1.0507009873554805 * 1.6732632423543772)
    return _chosen(build, "GREATER", x, 0.0, above, below)


def gelu_o2t(build: Build, x: Tensor) -> Tensor:
    """With a polynomial for erf."""
    z = build.binary("MUL", x, 0.5**0.5)
    size = build.unary("ABS", z)
    t = build.binary("DIV", 1.0, build.binary("ADD", 1.0, build.binary("MUL", size, 0.3275911)))
    y = build.binary("MUL", _ERF[0], t)
    for factor in _ERF[1:]:
        y = build.binary("MUL", build.binary("ADD", y, factor), t)
    decay = build.unary("EXP", build.binary("MUL", build.binary("MUL", size, size), -1.0))
    erf = build.binary("SUB", 1.0, build.binary("MUL", y, decay))
    erf = build.binary("MUL", build.unary("SIGN", z), erf)
    return build.binary("MUL", build.binary("MUL", x, 0.5), build.binary("ADD", erf, 1.0))


def gelu_tanh_o2t(build: Build, x: Tensor) -> Tensor:
    cube = build.binary("MUL", x, build.binary("MUL", x, x))
    inner = build.binary("ADD", x, build.binary("MUL", 0.044715, cube))
    share = build.unary("TANH", build.binary("MUL", 0.7978845608, inner))
    y = build.binary("MUL", x, build.binary("ADD", 1.0, share))
    return build.binary("MUL", 0.5, y)


def hard_swish_o2t(build: Build, x: Tensor) -> Tensor:
    share = build.binary("ADD", x, 3.0, "RELU6")
    return build.binary("MUL", build.binary("MUL", x, share), 1 / 6)


def hard_swish_by_clipping(build: Build, x: Tensor) -> Tensor:
    share = build.binary("MAXIMUM", build.binary("MINIMUM", build.binary("ADD", x, 3.0), 6.0), 0.0)
    return build.binary("DIV", build.binary("MUL", x, share), 6.0)


def silu_by_exp(build: Build, x: Tensor) -> Tensor:
    below = build.binary("ADD", build.unary("EXP", build.unary("NEG", x)), 1.0)
    return build.binary("DIV", x, below)


def softplus_tf(build: Build, x: Tensor) -> Tensor:
    return build.unary("LOG", build.binary("ADD", build.unary("EXP", x), 1.0))


def softplus_pt(build: Build, x: Tensor) -> Tensor:
    return _chosen(build, "GREATER", x, 20.0, x, softplus_tf(build, x))


def log_sigmoid_tf(build: Build, x: Tensor) -> Tensor:
    return build.unary("NEG", softplus_tf(build, build.unary("NEG", x)))


def mish_tf(build: Build, x: Tensor) -> Tensor:
    return build.binary("MUL", x, build.unary("TANH", softplus_tf(build, x)))


def mish_pt(build: Build, x: Tensor) -> Tensor:
    return build.binary("MUL", x, build.unary("TANH", softplus_pt(build, x)))


def softsign_tf(build: Build, x: Tensor) -> Tensor:
    return build.binary("DIV", x, build.binary("ADD", build.unary("ABS", x), 1.0))


def relu_by_maximum(build: Build, x: Tensor) -> Tensor:
    return build.binary("MAXIMUM", x, 0.0)


def leaky_relu_by_maximum(build: Build, x: Tensor) -> Tensor:
    return build.binary("MAXIMUM", x, build.binary("MUL", x, 0.1))


def prelu_pt(build: Build, x: Tensor) -> Tensor:
    below = build.binary("MUL", x, -1.0, "RELU")
    slopes = build.random(x.shape[-1], low=0.05, high=0.4)
    return build.binary("SUB", build.unary("RELU", x), build.binary("MUL", below, slopes))


def prelu_of_one_slope(build: Build, x: Tensor) -> Tensor:
    return build.apply("PRELU", [x, build.random(1, 1, 1)], x.shape)
