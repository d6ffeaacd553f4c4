"""Small graphs of one operator with a kernel each, and of a few in a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options

SAME, VALID = 0, 1
FLOAT = np.dtype(np.float32)


def tensor(name: str, *shape: int) -> Tensor:
    return Tensor(name, shape, FLOAT)


def conv(
    features: Tensor,
    kernel: Any,
    bias: Any,
    out: tuple[int, ...],
    *,
    name: str = "conv",
    stride: int = 1,
    dilation: int = 1,
    padding: int = SAME,
    activation: int = 0,
) -> Operator:
    settings = options(
        "Conv2DOptions",
        padding=padding,
        strideH=stride,
        strideW=stride,
        dilationHFactor=dilation,
        dilationWFactor=dilation,
        fusedActivationFunction=activation,
    )
    inputs: list[Tensor | None] = [
        features,
        constant(f"{name}_kernel", kernel),
        constant(f"{name}_bias", bias),
    ]
    return Operator("CONV_2D", inputs, [tensor(name, 1, *out, len(bias))], settings)


def depthwise(
    features: Tensor, kernel: Any, bias: Any, out: tuple[int, ...], *, stride: int = 1
) -> Operator:
    settings = options(
        "DepthwiseConv2DOptions",
        padding=SAME,
        strideH=stride,
        strideW=stride,
        depthMultiplier=len(bias) // features.shape[-1],
        dilationHFactor=1,
        dilationWFactor=1,
    )
    inputs: list[Tensor | None] = [
        features,
        constant("depthwise_kernel", kernel),
        constant("depthwise_bias", bias),
    ]
    return Operator(
        "DEPTHWISE_CONV_2D", inputs, [tensor("depthwise", 1, *out, len(bias))], settings
    )


def dense(features: Tensor, kernel: Any, bias: Any, *, name: str = "dense") -> Operator:
    inputs: list[Tensor | None] = [
        features,
        constant(f"{name}_kernel", kernel),
        constant(f"{name}_bias", bias),
    ]
    output = tensor(name, *features.shape[:-1], len(bias))
    return Operator(
        "FULLY_CONNECTED", inputs, [output], options("FullyConnectedOptions", keepNumDims=True)
    )


def transposed(
    features: Tensor, kernel: Any, bias: Any, out: tuple[int, int], *, stride: int, padding: int
) -> Operator:
    settings = options("TransposeConvOptions", padding=padding, strideH=stride, strideW=stride)
    shape = constant("transposed_shape", (1, *out, len(bias)), np.int32)
    inputs: list[Tensor | None] = [
        shape,
        constant("transposed_kernel", kernel),
        features,
        constant("t_bias", bias),
    ]
    return Operator(
        "TRANSPOSE_CONV", inputs, [tensor("transposed", 1, *out, len(bias))], settings, version=3
    )


def scaled(features: Tensor, factor: float) -> Operator:
    inputs: list[Tensor | None] = [features, constant("factor", factor)]
    return Operator("MUL", inputs, [tensor("scaled", *features.shape)], options("MulOptions"))


def max_pool(features: Tensor) -> Operator:
    """The largest of 2x2 places, at every place."""
    settings = options(
        "Pool2DOptions", padding=SAME, strideH=1, strideW=1, filterHeight=2, filterWidth=2
    )
    return Operator("MAX_POOL_2D", [features], [tensor("pooled", *features.shape)], settings)


def graph_of(features: Tensor, *operators: Operator) -> Graph:
    return Graph({"pixels": features}, {"output": operators[-1].output}, list(operators))
