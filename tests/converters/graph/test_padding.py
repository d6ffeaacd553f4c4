from __future__ import annotations

import numpy as np
import pytest

from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, counts, kinds
from tfl_depth.converters.graph import options
from tfl_depth.converters.graph.rewrites import canonicalize
from tfl_depth.converters.graph.rewrites.padding import fold_crops, fold_padding, pad_max_pools

ONE = ((0, 0), (1, 1), (1, 1), (0, 0))


@pytest.mark.parametrize(
    ("shape", "pads", "size", "stride", "dilation"),
    [
        ((1, 7, 9, 3), ONE, 3, 1, 1),
        ((1, 7, 9, 3), ((0, 0), (2, 2), (2, 2), (0, 0)), 3, 1, 2),
        ((1, 8, 8, 3), ((0, 0), (0, 1), (0, 1), (0, 0)), 3, 2, 1),
        ((1, 7, 9, 3), ONE, 3, 2, 1),
    ],
)
def test_padding_that_is_same_goes_into_a_convolution(
    shape: tuple[int, ...], pads: object, size: int, stride: int, dilation: int
) -> None:
    build = Build(*shape)
    y = build.pad(build.x, pads)  # type: ignore[arg-type]
    y = build.conv(y, 4, size, stride=stride, dilation=dilation, padding="VALID")
    graph = build.graph(y)
    assert applied(graph, fold_padding) == 1
    assert kinds(graph) == ["CONV_2D"]


def test_padding_that_same_would_put_elsewhere_stays() -> None:
    build = Build(1, 8, 8, 3)
    graph = build.graph(build.conv(build.pad(build.x, ONE), 4, 3, stride=2, padding="VALID"))
    assert applied(graph, fold_padding) == 0
    build = Build(1, 8, 8, 3)
    graph = build.graph(build.conv(build.pad(build.x, ONE, 0.5), 4, 3, padding="VALID"))
    assert applied(graph, fold_padding) == 0


def test_a_max_pool_of_torch_is_padded_with_what_int8_holds() -> None:
    for activation, expected in (("RELU", "PAD"), (None, "MIRROR_PAD")):
        build = Build(1, 8, 10, 3)
        y = build.pad(build.conv(build.x, 4, activation=activation), ONE, -np.inf)
        graph = build.graph(build.pool("MAX_POOL_2D", y, 3, 2))
        assert applied(graph, pad_max_pools) == 1
        assert kinds(graph) == ["CONV_2D", expected, "MAX_POOL_2D"]


def test_max_pools_that_see_more_than_the_mirror_keep_their_padding() -> None:
    build = Build(1, 8, 10, 3)
    wide = ((0, 0), (2, 2), (1, 1), (0, 0))
    graph = build.graph(build.pool("MAX_POOL_2D", build.pad(build.x, wide, -np.inf), 3, 1))
    assert applied(graph, pad_max_pools) == 0
    build = Build(1, 8, 10, 3)
    graph = build.graph(build.pool("AVERAGE_POOL_2D", build.pad(build.x, ONE, -np.inf), 3, 2))
    assert pad_max_pools(graph) == 0


def test_a_max_pool_pads_by_itself_where_same_means_it() -> None:
    build = Build(1, 7, 9, 3)
    graph = build.graph(build.pool("MAX_POOL_2D", build.pad(build.x, ONE, -np.inf), 3, 2))
    assert applied(graph, fold_padding) == 1
    assert kinds(graph) == ["MAX_POOL_2D"]


def test_paddings_in_a_row_become_one() -> None:
    build = Build(1, 6, 6, 3)
    y = build.pad(build.pad(build.x, ONE), ONE, 0.0)
    graph = build.graph(build.conv(y, 2, 3, stride=2, padding="VALID"))
    applied(graph, canonicalize)
    assert kinds(graph) == ["PAD", "CONV_2D"]


@pytest.mark.parametrize(("begin", "folds"), [(1, True), (0, False), (2, False)])
def test_a_crop_goes_into_a_transposed_convolution_where_same_means_it(
    begin: int, folds: bool
) -> None:
    build = Build(1, 4, 5, 3)
    y = build.deconv(build.x, 2, 4)
    corner = [0, begin, begin, 0]
    end = [1, begin + 8, begin + 10, 2]
    made = options("StridedSliceOptions")
    y = build.apply("STRIDED_SLICE", [y, corner, end, [1, 1, 1, 1]], (1, 8, 10, 2), made)
    graph = build.graph(y)
    assert applied(graph, fold_crops) == folds
    assert counts(graph)["STRIDED_SLICE"] == (not folds)
