from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, counts, kinds
from tfl_depth.converters.graph import Graph, Tensor, options
from tfl_depth.converters.graph.rewrites import canonicalize, prepare_for_int8
from tfl_depth.converters.quantize.rules import unsupported

SHAPE = (1, 4, 6, 8)
Write = Callable[[Build, Tensor], Tensor]


def _prepare(graph: Graph) -> None:
    canonicalize(graph)
    prepare_for_int8(graph, [])


def _square(build: Build, x: Tensor) -> Tensor:
    return build.unary("SQUARE", x)


def _power(build: Build, x: Tensor) -> Tensor:
    return build.apply("POW", [x, np.float32(3)], x.shape)


def _negative(build: Build, x: Tensor) -> Tensor:
    return build.unary("NEG", x)


def _quotient(build: Build, x: Tensor) -> Tensor:
    return build.binary("DIV", x, build.binary("ADD", build.unary("EXP", x), 0.5))


def _by_number(build: Build, x: Tensor) -> Tensor:
    return build.binary("DIV", x, 7.0)


def _root(build: Build, x: Tensor) -> Tensor:
    return build.unary("SQRT", build.binary("ADD", x, 0.1))


def _unit(build: Build, x: Tensor) -> Tensor:
    return build.unary("L2_NORMALIZATION", x, options("L2NormOptions"))


def _sum_of_channels(build: Build, x: Tensor) -> Tensor:
    return build.reduce("SUM", x, 3)


def _sum_of_map(build: Build, x: Tensor) -> Tensor:
    return build.reduce("SUM", x, 1, 2, keep=False)


def _mean_of_channels(build: Build, x: Tensor) -> Tensor:
    return build.reduce("MEAN", x, 3, keep=False)


def _mean_of_all(build: Build, x: Tensor) -> Tensor:
    return build.reduce("MEAN", x, 1, 2, 3)


def _running_sum(build: Build, x: Tensor) -> Tensor:
    return build.apply("CUMSUM", [x, np.int32(3)], x.shape, options("CumsumOptions"))


def _running_sum_from_the_end(build: Build, x: Tensor) -> Tensor:
    made = options("CumsumOptions", exclusive=True, reverse=True)
    return build.apply("CUMSUM", [x, np.int32(-1)], x.shape, made)


def _to_space(build: Build, x: Tensor) -> Tensor:
    made = options("DepthToSpaceOptions", blockSize=2)
    return build.apply("DEPTH_TO_SPACE", [x], (1, 8, 12, 2), made)


def _to_depth(build: Build, x: Tensor) -> Tensor:
    made = options("SpaceToDepthOptions", blockSize=2)
    return build.apply("SPACE_TO_DEPTH", [x], (1, 2, 3, 32), made)


def _global_response(build: Build, x: Tensor) -> Tensor:
    """ConvNeXt V2's GRN: lengths of channels by the mean of all lengths."""
    total = build.reduce("SUM", build.binary("MUL", x, x), 1, 2)
    length = build.unary("SQRT", build.binary("ADD", total, 1e-4))
    share = build.binary("DIV", length, build.binary("ADD", build.reduce("MEAN", length, 3), 1e-6))
    return build.binary("MUL", x, share)


WRITTEN: dict[Write, str] = {
    _square: "MUL",
    _power: "MUL MUL",
    _negative: "MUL",
    _quotient: "EXP ADD RSQRT MUL MUL",
    _by_number: "MUL",
    _root: "ADD RSQRT MUL",
    _unit: "MUL FULLY_CONNECTED RSQRT MUL",
    _sum_of_channels: "FULLY_CONNECTED",
    _sum_of_map: "MEAN MUL RESHAPE",
    _mean_of_channels: "FULLY_CONNECTED RESHAPE",
    _mean_of_all: "MEAN FULLY_CONNECTED",
    _running_sum: "FULLY_CONNECTED",
    _running_sum_from_the_end: "FULLY_CONNECTED",
    _to_space: "RESHAPE TRANSPOSE RESHAPE",
    _to_depth: "RESHAPE TRANSPOSE RESHAPE",
}


@pytest.mark.parametrize("write", WRITTEN, ids=lambda write: write.__name__)
def test_operators_without_int8_kernels_are_written_by_others(write: Write) -> None:
    build = Build(*SHAPE)
    graph = build.graph(write(build, build.unary("LOGISTIC", build.x)))
    applied(graph, _prepare)
    assert kinds(graph) == ["LOGISTIC", *WRITTEN[write].split()]
    assert not unsupported(set(kinds(graph)))


def test_a_global_response_normalization_needs_no_division() -> None:
    build = Build(*SHAPE)
    graph = build.graph(_global_response(build, build.x))
    applied(graph, _prepare)
    assert {"DIV", "SQRT", "SUM"}.isdisjoint(kinds(graph))


@pytest.mark.parametrize("kind", ["DIV", "SQRT"])
def test_divisors_and_roots_that_may_be_zero_stay(kind: str) -> None:
    build = Build(*SHAPE)
    below = build.unary("RELU", build.x)
    if kind == "SQRT":
        graph = build.graph(build.unary("SQRT", below))
    else:
        graph = build.graph(build.binary("DIV", 1.0, build.binary("SUB", below, 10.0)))
    applied(graph, _prepare)
    assert kind in kinds(graph)


def test_a_mean_of_a_map_stays() -> None:
    build = Build(*SHAPE)
    graph = build.graph(build.reduce("MEAN", build.x, 1, 2))
    applied(graph, _prepare)
    assert kinds(graph) == ["MEAN"]


def test_enlarging_by_16_takes_two_steps() -> None:
    build = Build(1, 2, 3, 4)
    made = options("ResizeNearestNeighborOptions")
    inputs = [build.x, np.array((32, 48), np.int32)]
    graph = build.graph(build.apply("RESIZE_NEAREST_NEIGHBOR", inputs, (1, 32, 48, 4), made))
    applied(graph, _prepare)
    assert [op.output.shape[1] for op in graph.operators] == [16, 32]


@pytest.mark.parametrize(("size", "stride", "blocks"), [(4, 4, True), (2, 2, False), (5, 4, False)])
def test_transposed_convolutions_of_large_blocks_are_1x1_convolutions(
    size: int, stride: int, blocks: bool
) -> None:
    build = Build(1, 3, 4, 5)
    shape = (1, 2 * stride + size, 3 * stride + size, 2)
    made = options("TransposeConvOptions", padding=1, strideH=stride, strideW=stride)
    kernel, bias = build.random(2, size, size, 5), build.random(2)
    inputs = [np.array(shape, np.int32), kernel, build.x, bias]
    graph = build.graph(build.apply("TRANSPOSE_CONV", inputs, shape, made))
    graph.operators[0].version = 3
    applied(graph, _prepare)
    assert (counts(graph)["CONV_2D"] == 1) == blocks


def test_factors_of_channels_that_no_kernel_takes_are_a_depthwise_convolution() -> None:
    build = Build(*SHAPE)
    y = build.binary("MUL", build.unary("LOGISTIC", build.x), build.random(8))
    y = build.binary("ADD", y, build.random(8), "RELU")
    graph = build.graph(build.conv(y, 3, 3))
    applied(graph, _prepare)
    assert kinds(graph) == ["LOGISTIC", "DEPTHWISE_CONV_2D", "CONV_2D"]
    assert graph.operators[1].options.fusedActivationFunction == 1


def test_one_factor_for_all_channels_stays_a_product() -> None:
    build = Build(*SHAPE)
    y = build.binary("MUL", build.unary("LOGISTIC", build.x), 3.0)
    graph = build.graph(build.unary("TANH", y))
    applied(graph, _prepare)
    assert kinds(graph) == ["LOGISTIC", "MUL", "TANH"]
