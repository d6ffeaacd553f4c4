from __future__ import annotations

import numpy as np

from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, kinds
from tfl_depth.converters.graph import Graph, Tensor, options
from tfl_depth.converters.graph.rewrites import canonicalize
from tfl_depth.converters.graph.rewrites.moves import recognize_moves

SHAPE = (1, 4, 6, 3)


def _only(graph: Graph) -> None:
    assert applied(graph, recognize_moves) == 1


def _tiled_by_keras(build: Build, x: Tensor, rows: int, columns: int) -> Tensor:
    """UpSampling2D as TensorFlow's converter writes it."""
    _, height, width, channels = x.shape
    y = build.reshape(x, 1, height, 1, width, channels)
    shape = (1, height, rows, width, channels)
    y = build.apply("TILE", [y, (1, 1, rows, 1, 1)], shape)
    y = build.reshape(y, 1, height * rows, width, 1, channels)
    shape = (1, height * rows, width, columns, channels)
    y = build.apply("TILE", [y, (1, 1, 1, columns, 1)], shape)
    return build.reshape(y, 1, height * rows, width * columns, channels)


def _nearest(graph: Graph, place: int) -> bool:
    made = graph.operators[place].options
    is_nearest = graph.operators[place].kind == "RESIZE_NEAREST_NEIGHBOR"
    return is_nearest and made.halfPixelCenters and not made.alignCorners


def test_enlarging_of_keras_is_one_operator() -> None:
    for rows, columns in ((2, 2), (3, 2)):
        build = Build(*SHAPE)
        graph = build.graph(_tiled_by_keras(build, build.unary("ABS", build.x), rows, columns))
        _only(graph)
        assert kinds(graph) == ["ABS", "RESIZE_NEAREST_NEIGHBOR"]
        assert _nearest(graph, 1)


def test_enlarging_by_tables_of_coordinates_is_one_operator() -> None:
    build = Build(*SHAPE)
    rows, columns = np.meshgrid(np.arange(8) // 2, np.arange(12) // 2, indexing="ij")
    table = np.stack([np.zeros_like(rows), rows, columns], -1)[None].astype(np.int32)
    graph = build.graph(build.apply("GATHER_ND", [build.x, table], (1, 8, 12, 3)))
    _only(graph)
    assert _nearest(graph, 0)


def test_enlarging_by_copies_beside_each_other_is_one_operator() -> None:
    build = Build(*SHAPE)
    y = build.reshape(build.concat(build.x, build.x), 1, 4, 12, 3)
    y = build.reshape(y, 1, 4, 1, 36)
    y = build.reshape(build.concat(y, y, axis=2), 1, 8, 12, 3)
    graph = build.graph(y)
    _only(graph)
    assert _nearest(graph, 0)


def test_enlarging_with_channels_first_is_one_operator_behind() -> None:
    build = Build(1, 3, 4, 6)
    made = options("GatherOptions", axis=3)
    y = build.apply("GATHER", [build.x, np.arange(12) // 2], (1, 3, 4, 12), made)
    graph = build.graph(build.conv(build.nhwc(y), 2))
    applied(graph, canonicalize)
    assert kinds(graph) == ["RESIZE_NEAREST_NEIGHBOR", "CONV_2D"]


def test_a_map_of_one_pixel_is_spread_by_enlarging() -> None:
    build = Build(1, 1, 1, 3)
    graph = build.graph(build.apply("BROADCAST_TO", [build.x, (1, 4, 6, 3)], (1, 4, 6, 3)))
    graph.operators[0].version = 2
    _only(graph)
    assert _nearest(graph, 0)


def test_enlarging_by_whole_factors_has_half_pixel_centers() -> None:
    """Else a pixel lies in the middle of two, of which TOSA takes the other one."""
    for size, count in (((8, 12), 1), ((6, 9), 0)):
        build = Build(*SHAPE)
        inputs = [build.x, np.array(size, np.int32)]
        made = options("ResizeNearestNeighborOptions")
        graph = build.graph(build.apply("RESIZE_NEAREST_NEIGHBOR", inputs, (1, *size, 3), made))
        assert applied(graph, recognize_moves) == count
        assert _nearest(graph, 0) == bool(count)


def _mirrored(build: Build, edge: int) -> Tensor:
    """Padding by slices and copies, as onnx2tf writes reflection."""
    x = build.x
    first = build.slice(x, (0, edge, 0, 0), (1, 1, 6, 3))
    last = build.slice(x, (0, 3 - edge, 0, 0), (1, 1, 6, 3))
    return build.concat(first, x, last, axis=1)


def test_reflection_by_slices_is_a_mirror() -> None:
    for edge, mode in ((1, 0), (0, 1)):
        build = Build(*SHAPE)
        graph = build.graph(_mirrored(build, edge))
        _only(graph)
        assert kinds(graph) == ["MIRROR_PAD"]
        assert graph.operators[0].options.mode == mode


def test_gathers_that_cut_or_turn_are_slices_and_reversals() -> None:
    made = options("GatherOptions", axis=2)
    for places, kind in (([1, 3, 5], "STRIDED_SLICE"), ([5, 4, 3, 2, 1, 0], "REVERSE_V2")):
        build = Build(*SHAPE)
        shape = (1, 4, len(places), 3)
        graph = build.graph(build.apply("GATHER", [build.x, places], shape, made))
        _only(graph)
        assert kinds(graph) == [kind]


def test_copies_of_whole_images_are_no_enlarging() -> None:
    build = Build(*SHAPE)
    graph = build.graph(build.apply("TILE", [build.x, (1, 2, 1, 1)], (1, 8, 6, 3)))
    assert applied(graph, recognize_moves) == 0
    build = Build(*SHAPE)
    graph = build.graph(build.concat(build.x, np.ones(SHAPE, np.float32)))
    assert applied(graph, recognize_moves) == 0
    build = Build(*SHAPE)
    turned = build.apply("REVERSE_V2", [build.x, [1]], SHAPE)
    graph = build.graph(build.concat(build.x, turned, axis=2))
    assert applied(graph, recognize_moves) == 0
