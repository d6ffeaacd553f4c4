from __future__ import annotations

from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, kinds
from tfl_depth.converters.graph import Graph, Tensor, options
from tfl_depth.converters.graph.rewrites.chains import simplify_chains
from tfl_depth.converters.graph.rewrites.channel_order import (
    fold_channel_gathers,
    fold_channel_order,
)
from tfl_depth.converters.graph.rewrites.repeat import repeat


def _order(graph: Graph) -> None:
    repeat(graph, [simplify_chains, fold_channel_order])


def test_flattening_of_torch_is_a_reshape_of_channels_last() -> None:
    build = Build(1, 6, 8, 4)
    tokens = build.transpose(build.reshape(build.nchw(build.x), 1, 4, 48), 0, 2, 1)
    graph = build.graph(build.dense(tokens, 5))
    applied(graph, simplify_chains)
    assert kinds(graph) == ["RESHAPE", "FULLY_CONNECTED"]


def test_windows_are_transposed_by_four_dimensions() -> None:
    build = Build(1, 6, 8, 4)
    windows = build.transpose(build.reshape(build.x, 1, 2, 3, 4, 2, 4), 0, 1, 3, 2, 4, 5)
    graph = build.graph(build.reshape(windows, 8, 6, 4))
    applied(graph, simplify_chains)
    assert [op.output.shape for op in graph.operators] == [(2, 3, 4, 8), (2, 4, 3, 8), (8, 6, 4)]


def test_a_chain_that_others_look_into_keeps_what_they_take() -> None:
    build = Build(1, 6, 8, 4)
    first = build.nchw(build.x)
    graph = build.graph(build.unary("ABS", first), build.unary("ABS", build.nhwc(first)))
    assert applied(graph, simplify_chains) == 1
    assert kinds(graph) == ["TRANSPOSE", "ABS", "ABS"]


def _shuffled_by_torch(build: Build, x: Tensor, block: int) -> Tensor:
    """nn.PixelShuffle as litert-torch writes it."""
    _, height, width, channels = x.shape
    left = channels // block**2
    y = build.reshape(build.nchw(x), left, block, block, height * width)
    y = build.reshape(build.transpose(y, 0, 1, 3, 2), left, block, height, width * block)
    y = build.transpose(y, 0, 2, 1, 3)
    return build.nhwc(build.reshape(y, 1, left, height * block, width * block))


def test_a_pixel_shuffle_orders_channels_in_the_kernel_in_front() -> None:
    build = Build(1, 3, 4, 4)
    y = _shuffled_by_torch(build, build.unary("RELU", build.conv(build.x, 12, 3)), 2)
    graph = build.graph(build.conv(y, 2))
    applied(graph, _order)
    assert kinds(graph) == ["CONV_2D", "RELU", "RESHAPE", "TRANSPOSE", "RESHAPE", "CONV_2D"]
    assert len(graph.operators[3].output.shape) == 4


def test_a_pixel_shuffle_without_a_kernel_keeps_its_order() -> None:
    build = Build(1, 3, 4, 12)
    graph = build.graph(_shuffled_by_torch(build, build.x, 2))
    applied(graph, _order)
    assert len(graph.operators[1].output.shape) == 5


def test_a_channel_shuffle_vanishes_in_a_kernel() -> None:
    for front in (True, False):
        build = Build(1, 4, 6, 8)
        x = build.conv(build.x, 8) if front else build.unary("ABS", build.x)
        y = build.transpose(build.reshape(build.nchw(x), 1, 2, 4, 4, 6), 0, 2, 1, 3, 4)
        y = build.nhwc(build.reshape(y, 1, 8, 4, 6))
        graph = build.graph(build.conv(y, 3) if not front else build.depthwise(y))
        applied(graph, _order)
        assert len(kinds(graph)) == 2


def test_a_channel_shuffle_behind_groups_stays() -> None:
    build = Build(1, 4, 6, 8)
    y = build.reshape(build.conv(build.x, 8, groups=2), 1, 4, 6, 2, 4)
    y = build.reshape(build.transpose(y, 0, 1, 2, 4, 3), 1, 4, 6, 8)
    graph = build.graph(build.depthwise(y))
    applied(graph, _order)
    assert "TRANSPOSE" in kinds(graph)


def test_a_gather_of_channels_is_done_by_the_kernel_beside_it() -> None:
    made = options("GatherOptions", axis=3)
    build = Build(1, 4, 6, 4)
    y = build.unary("ELU", build.conv(build.x, 6))
    y = build.apply("GATHER", [y, [0, 3, 1, 4]], (1, 4, 6, 4), made)
    graph = build.graph(build.pool("MAX_POOL_2D", y, 2, 2))
    assert applied(graph, fold_channel_gathers) == 1
    assert kinds(graph) == ["CONV_2D", "ELU", "MAX_POOL_2D"]
    build = Build(1, 4, 6, 4)
    y = build.apply("GATHER", [build.x, [0, 3, 1, 3]], (1, 4, 6, 4), made)
    graph = build.graph(build.conv(y, 3, 3))
    assert applied(graph, fold_channel_gathers) == 1
    assert kinds(graph) == ["CONV_2D"]
