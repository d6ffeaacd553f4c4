from __future__ import annotations

import numpy as np
import pytest

from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, counts, kinds
from tfl_depth.converters.graph import Tensor, options
from tfl_depth.converters.graph.rewrites import canonicalize
from tfl_depth.converters.graph.rewrites.nhwc_input import take_nhwc_images
from tfl_depth.converters.graph.rewrites.transposes import sink_transposes

IMAGE = (1, 3, 8, 12)


def _conv(build: Build, x: Tensor, channels: int, size: int = 3) -> Tensor:
    """A convolution as litert-torch wraps it: channels first outside."""
    return build.nchw(build.conv(build.nhwc(x), channels, size))


def _pointwise(build: Build, x: Tensor) -> Tensor:
    y = build.binary("ADD", build.unary("LOGISTIC", x), build.random(1, x.shape[1], 1, 1))
    return build.binary("MUL", y, build.random(x.shape[1], 1, 1))


def _squeeze_excite(build: Build, x: Tensor) -> Tensor:
    mean = build.reshape(build.reduce("MEAN", x, 2, 3, keep=False), 1, 1, 1, x.shape[1])
    share = build.unary("LOGISTIC", build.conv(mean, x.shape[1]))
    return build.binary("MUL", x, build.reshape(share, 1, x.shape[1], 1, 1))


def _residual(build: Build, x: Tensor) -> Tensor:
    return build.binary("ADD", _conv(build, x, x.shape[1]), x, "RELU")


def _concatenated(build: Build, x: Tensor) -> Tensor:
    constant = build.random(1, 2, *x.shape[2:])
    return build.concat(_conv(build, x, 4), constant, x, axis=1)


def _padded(build: Build, x: Tensor) -> Tensor:
    y = build.pad(x, ((0, 0), (0, 0), (1, 0), (0, 2)), 0.5)
    return build.slice(y, (0, 0, 1, 0), (1, x.shape[1], 7, 13))


def _strided(build: Build, x: Tensor) -> Tensor:
    made = options("StridedSliceOptions", beginMask=0b0011, endMask=0b1011)
    inputs = [x, (9, 9, 2, 1), (0, 0, 7, 0), (1, 1, 2, 3)]
    return build.apply("STRIDED_SLICE", inputs, (1, x.shape[1], 3, 4), made)


def _normalized(build: Build, x: Tensor) -> Tensor:
    """Layer normalization over channels first, without kept dimensions."""
    mean = build.reduce("MEAN", x, 1, keep=False)
    centered = build.binary("SUB", x, mean)
    squares = build.binary("MUL", centered, centered)
    variance = build.binary("ADD", build.reduce("MEAN", squares, 1, keep=False), 1e-6)
    return build.binary("DIV", centered, build.unary("SQRT", variance))


def _split(build: Build, x: Tensor) -> Tensor:
    first, second = build.split(x, 2, axis=1)
    return build.binary("MUL", first, build.unary("LOGISTIC", second))


def _elu(build: Build, x: Tensor) -> Tensor:
    """ELU of litert-torch, with a tensor of truth values."""
    below = build.binary("SUB", build.unary("EXP", x), 1.0)
    above = build.apply("GREATER_EQUAL", [x, 0.0], x.shape, dtype=np.bool_)
    return build.apply("SELECT", [above, x, below], x.shape)


BLOCKS = (
    _pointwise,
    _squeeze_excite,
    _residual,
    _concatenated,
    _padded,
    _strided,
    _normalized,
    _split,
    _elu,
)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_no_transposition_is_left_between_convolutions_of_torch(block: object) -> None:
    build = Build(*IMAGE)
    y = block(build, _conv(build, build.x, 6))  # type: ignore[operator]
    graph = build.graph(build.conv(build.nhwc(y), 1, 3))
    applied(graph, canonicalize)
    assert counts(graph)["TRANSPOSE"] == 0
    assert next(iter(graph.inputs.values())).shape == (1, 8, 12, 3)


def test_an_output_of_one_channel_is_reshaped_to_channels_first() -> None:
    build = Build(*IMAGE)
    graph = build.graph(_conv(build, build.x, 1))
    applied(graph, canonicalize)
    assert kinds(graph) == ["CONV_2D", "RESHAPE"]


def test_images_with_channels_last_and_other_inputs_stay() -> None:
    for shape in ((1, 8, 12, 3), (1, 3, 8, 3), (1, 8, 12, 4), (3, 12)):
        build = Build(*shape)
        graph = build.graph(build.unary("ABS", build.x))
        assert applied(graph, take_nhwc_images) == 0


def test_heads_of_attention_keep_their_transpositions() -> None:
    build = Build(1, 12, 8)
    heads = [
        build.transpose(build.reshape(build.dense(build.x, 8), 1, 12, 2, 4), 0, 2, 1, 3)
        for _ in range(3)
    ]
    shares = build.softmax(build.matmul(heads[0], build.transpose(heads[1], 0, 1, 3, 2)))
    mixed = build.transpose(build.matmul(shares, heads[2]), 0, 2, 1, 3)
    graph = build.graph(build.dense(build.reshape(mixed, 1, 12, 8), 8))
    applied(graph, canonicalize)
    assert counts(graph)["TRANSPOSE"] == 4


def test_a_transposition_that_would_only_multiply_stays() -> None:
    build = Build(1, 4, 6, 8)
    y = build.nchw(build.x)
    graph = build.graph(*(build.unary(kind, y) for kind in ("ABS", "LOGISTIC", "RELU")))
    assert applied(graph, sink_transposes) == 0
    assert kinds(graph) == ["TRANSPOSE", "ABS", "LOGISTIC", "RELU"]


def test_softmax_over_another_axis_is_no_softmax_over_channels() -> None:
    build = Build(1, 4, 6, 8)
    y = build.nhwc(build.softmax(build.nchw(build.x)))
    graph = build.graph(build.conv(y, 2))
    applied(graph, canonicalize)
    assert counts(graph)["TRANSPOSE"] == 2
