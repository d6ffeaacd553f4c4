"""Normalizations as TensorFlow's converter (tf), litert-torch (pt) and onnx2tf (o2t) write them.

Each takes a map (1, H, W, C) and gives one.
"""

from __future__ import annotations

import numpy as np

from tests.converters.graph.build import Build
from tfl_depth.converters.graph import Tensor


def layer_tf(build: Build, x: Tensor) -> Tensor:
    """Keras: the factor joins the deviation, the mean goes into the offset."""
    channels = x.shape[-1]
    mean = build.reduce("MEAN", x, 3)
    squares = build.binary("SQUARED_DIFFERENCE", x, mean)
    variance = build.binary("ADD", build.reduce("MEAN", squares, 3), 1e-3)
    factor = build.binary("MUL", build.unary("RSQRT", variance), build.random(1, 1, 1, channels))
    offset = build.binary("MUL", build.unary("NEG", mean), factor)
    offset = build.binary("ADD", offset, build.random(1, 1, 1, channels))
    return build.binary("ADD", build.binary("MUL", x, factor), offset)


def layer_by_moments_tf(build: Build, x: Tensor) -> Tensor:
    """tf.nn.batch_normalization over tf.nn.moments."""
    channels = x.shape[-1]
    mean = build.reduce("MEAN", x, 3)
    squares = build.binary("SQUARED_DIFFERENCE", x, mean)
    variance = build.binary("ADD", build.reduce("MEAN", squares, 3), 1e-6)
    factor = build.binary("MUL", build.unary("RSQRT", variance), build.random(channels))
    offset = build.binary("SUB", build.random(channels), build.binary("MUL", mean, factor))
    return build.binary("ADD", build.binary("MUL", x, factor), offset)


def layer_of_tokens_pt(build: Build, x: Tensor) -> Tensor:
    """nn.LayerNorm over tokens, without kept dimensions."""
    count, channels = x.shape[1] * x.shape[2], x.shape[-1]
    tokens = build.reshape(x, 1, count, channels)
    mean = build.reduce("MEAN", tokens, 0, 2, keep=False)
    wide = build.reshape(mean, 1, count, 1)
    squares = build.binary("SQUARED_DIFFERENCE", tokens, wide)
    variance = build.binary("ADD", build.reduce("MEAN", squares, 0, 2, keep=False), 1e-5)
    deviation = build.unary("RSQRT", variance)
    offset = build.binary("SUB", 0.0, build.binary("MUL", deviation, mean))
    y = build.binary("MUL", tokens, build.reshape(deviation, 1, count, 1))
    y = build.binary("ADD", y, build.reshape(offset, 1, count, 1))
    y = build.binary("MUL", y, build.random(channels))
    return build.reshape(build.binary("ADD", y, build.random(channels)), *x.shape)


def layer_of_channels_first_pt(build: Build, x: Tensor) -> Tensor:
    """ConvNeXt's LayerNorm of (1, C, H, W)."""
    channels = x.shape[-1]
    first = build.nchw(x)
    centered = build.binary("SUB", first, build.reduce("MEAN", first, 1, keep=False))
    squares = build.binary("MUL", centered, centered)
    variance = build.binary("ADD", build.reduce("MEAN", squares, 1, keep=False), 1e-6)
    y = build.binary("DIV", centered, build.unary("SQRT", variance))
    y = build.binary("MUL", build.random(1, channels, 1, 1), y)
    return build.nhwc(build.binary("ADD", y, build.random(1, channels, 1, 1)))


def layer_o2t(build: Build, x: Tensor) -> Tensor:
    """The root's reciprocal by division, factor and offset apart."""
    channels = x.shape[-1]
    centered = build.binary("SUB", x, build.reduce("MEAN", x, 3))
    squares = build.binary("MUL", centered, centered)
    variance = build.binary("ADD", build.reduce("MEAN", squares, 3), 1e-5)
    inverse = build.binary("DIV", 1.0, build.unary("SQRT", variance))
    y = build.binary("MUL", build.binary("MUL", centered, inverse), build.random(channels))
    return build.binary("ADD", y, build.random(channels))


def layer_by_squares(build: Build, x: Tensor) -> Tensor:
    """The mean of squares less the square of the mean."""
    mean = build.reduce("MEAN", x, 3)
    squares = build.reduce("MEAN", build.unary("SQUARE", x), 3)
    variance = build.binary("SUB", squares, build.unary("SQUARE", mean))
    root = build.apply("POW", [build.binary("ADD", variance, 1e-3), -0.5], mean.shape)
    return build.binary("MUL", build.binary("SUB", x, mean), root)


def root_mean_square_tf(build: Build, x: Tensor) -> Tensor:
    mean = build.reduce("MEAN", build.unary("SQUARE", x), 3)
    deviation = build.unary("RSQRT", build.binary("ADD", mean, 1e-6))
    return build.binary("MUL", build.binary("MUL", x, deviation), build.random(x.shape[-1]))


def unit_length_pt(build: Build, x: Tensor) -> Tensor:
    """F.normalize."""
    size = build.unary("ABS", x)
    total = build.reduce("SUM", build.binary("MUL", size, size), 3)
    length = build.binary("MAXIMUM", build.unary("SQRT", total), 1e-12)
    return build.binary("DIV", x, length)


def group_tf(build: Build, x: Tensor) -> Tensor:
    """Keras: two groups in five dimensions."""
    _, height, width, channels = x.shape
    inner = channels // 2
    grouped = build.reshape(x, 1, height, width, 2, inner)
    mean = build.reduce("MEAN", grouped, 1, 2, 4)
    centered = build.binary("SUB", grouped, mean)
    variance = build.reduce("MEAN", build.unary("SQUARE", centered), 1, 2, 4)
    deviation = build.unary("RSQRT", build.binary("ADD", variance, 1e-3))
    factor = build.binary("MUL", deviation, build.random(1, 1, 1, 2, inner))
    offset = build.binary("MUL", build.unary("NEG", mean), factor)
    offset = build.binary("ADD", offset, build.random(1, 1, 1, 2, inner))
    y = build.binary("ADD", build.binary("MUL", grouped, factor), offset)
    return build.reshape(y, *x.shape)


def _of_two_groups(build: Build, first: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and 1 / deviation, (1, 2, 1, 1), of two groups of the channels of (1, C, H, W)."""
    _, channels, height, width = first.shape
    grouped = build.reshape(first, 1, 2, channels // 2, height * width)
    mean = build.reduce("MEAN", grouped, 2, 3)
    centered = build.binary("SUB", grouped, mean)
    squares = build.binary("MUL", centered, centered)
    variance = build.binary("ADD", build.reduce("MEAN", squares, 2, 3, keep=False), 1e-5)
    return mean, build.unary("RSQRT", build.reshape(variance, 1, 2, 1, 1))


def group_pt(build: Build, x: Tensor) -> Tensor:
    """nn.GroupNorm: statistics of (1, groups, C / groups, H W), applied to (1, C, H, W)."""
    channels = x.shape[-1]
    inner = channels // 2
    first = build.nchw(x)
    mean, deviation = _of_two_groups(build, first)
    factor = build.binary("MUL", deviation, build.random(1, 2, inner, 1))
    offset = build.binary("MUL", build.binary("MUL", mean, -1.0), factor)
    offset = build.binary("ADD", offset, build.random(1, 2, inner, 1))
    y = build.binary("MUL", first, build.reshape(factor, 1, channels, 1, 1))
    return build.nhwc(build.binary("ADD", y, build.reshape(offset, 1, channels, 1, 1)))


def group_without_factor_pt(build: Build, x: Tensor) -> Tensor:
    """nn.GroupNorm(affine=False): statistics are broadcast to the channels of their group."""
    channels = x.shape[-1]
    inner = channels // 2
    first = build.nchw(x)
    mean, deviation = _of_two_groups(build, first)
    offset = build.binary("MUL", build.binary("MUL", mean, -1.0), deviation)
    factor, offset = (
        build.reshape(_broadcast(build, value, (1, 2, inner, 1)), 1, channels, 1, 1)
        for value in (deviation, offset)
    )
    return build.nhwc(build.binary("ADD", build.binary("MUL", first, factor), offset))


def _broadcast(build: Build, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    y = build.apply("BROADCAST_TO", [x, np.array(shape, np.int32)], shape)
    build.operators[-1].version = 2
    return y


def group_o2t(build: Build, x: Tensor) -> Tensor:
    """Statistics of (1, groups, all of a group), then factor and offset by channel."""
    _, height, width, channels = x.shape
    grouped = build.reshape(build.nchw(x), 1, 2, channels * height * width // 2)
    centered = build.binary("SUB", grouped, build.reduce("MEAN", grouped, 2))
    squares = build.binary("MUL", centered, centered)
    variance = build.binary("ADD", build.reduce("MEAN", squares, 2), 1e-5)
    inverse = build.binary("DIV", 1.0, build.unary("SQRT", variance))
    y = build.binary("MUL", centered, inverse)
    y = build.binary("MUL", y, np.ones((1, 2, 1), np.float32))
    y = build.reshape(y, 1, channels, height, width)
    y = build.nhwc(build.binary("MUL", y, build.random(channels, 1, 1)))
    return build.binary("ADD", y, build.random(1, 1, channels))


def instance_pt(build: Build, x: Tensor) -> Tensor:
    """nn.InstanceNorm2d, over the batch's one image as well."""
    channels = x.shape[-1]
    first = build.nchw(x)
    centered = build.binary("SUB", first, build.reduce("MEAN", first, 0, 2, 3))
    squares = build.binary("MUL", centered, centered)
    variance = build.binary("ADD", build.reduce("MEAN", squares, 0, 2, 3, keep=False), 1e-5)
    deviation = build.unary("RSQRT", build.reshape(variance, 1, channels, 1, 1))
    y = build.binary("MUL", build.binary("MUL", centered, deviation), build.random(1, 4, 1, 1))
    return build.nhwc(build.binary("ADD", y, build.random(1, channels, 1, 1)))
