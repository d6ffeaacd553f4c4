from __future__ import annotations

import numpy as np
import pytest

from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, kinds
from tfl_depth.converters.graph import Tensor
from tfl_depth.converters.graph.rewrites import canonicalize


def _batch_norm(build: Build, x: Tensor) -> Tensor:
    channels = x.shape[-1]
    centered = build.binary("SUB", x, build.random(channels))
    scaled = build.binary("MUL", centered, build.random(1, 1, 1, channels))
    scaled = build.binary("DIV", scaled, build.random(1, 1, 1, channels, low=1, high=2))
    return build.binary("ADD", scaled, build.random(channels), "RELU")


@pytest.mark.parametrize("kind", ["conv", "grouped", "depthwise", "deconv", "dense"])
def test_batch_normalization_goes_into_the_kernel_in_front(kind: str) -> None:
    build = Build(1, 5, 7, 4)
    y = {
        "conv": lambda: build.conv(build.x, 6, 3),
        "grouped": lambda: build.conv(build.x, 6, 3, groups=2),
        "depthwise": lambda: build.depthwise(build.x, multiplier=2),
        "deconv": lambda: build.deconv(build.x, 3, 2),
        "dense": lambda: build.dense(build.x, 3),
    }[kind]()
    graph = build.graph(_batch_norm(build, y))
    applied(graph, canonicalize)
    assert len(graph.operators) == 1


@pytest.mark.parametrize("kind", ["valid", "grouped", "pixel", "depthwise", "dense"])
def test_batch_normalization_goes_into_the_kernel_behind(kind: str) -> None:
    build = Build(1, 5, 7, 4)
    x = build.unary("LOGISTIC", build.x)
    y = build.binary("ADD", build.binary("MUL", x, build.random(4)), build.random(4))
    y = {
        "valid": lambda: build.conv(y, 6, 3, padding="VALID"),
        "grouped": lambda: build.conv(y, 6, 3, groups=2, padding="VALID"),
        "pixel": lambda: build.conv(y, 3),
        "depthwise": lambda: build.depthwise(y, multiplier=3),
        "dense": lambda: build.dense(y, 3),
    }[kind]()
    graph = build.graph(y)
    applied(graph, canonicalize)
    assert len(graph.operators) == 2


def test_offsets_stay_in_front_of_a_border_of_zeros() -> None:
    build = Build(1, 5, 7, 4)
    y = build.binary("ADD", build.unary("LOGISTIC", build.x), build.random(4))
    graph = build.graph(build.conv(y, 3, 3))
    assert applied(graph, canonicalize) == 0
    y = build.binary("MUL", build.unary("LOGISTIC", build.x), build.random(4))
    graph = build.graph(build.conv(y, 3, 3), build.unary("ABS", y))
    assert applied(graph, canonicalize) == 0


def test_what_is_done_to_pixels_stays_to_tell_of_them() -> None:
    build = Build(1, 5, 7, 3)
    y = build.binary("MUL", build.binary("SUB", build.x, build.random(3)), build.random(3))
    graph = build.graph(build.conv(y, 3, 3, padding="VALID"))
    assert applied(graph, canonicalize) == 0


def test_a_kernel_that_others_look_at_keeps_its_weights() -> None:
    build = Build(1, 5, 7, 3)
    y = build.conv(build.x, 4)
    graph = build.graph(build.binary("MUL", y, 3.0), y)
    assert applied(graph, canonicalize) == 0


def test_numbers_move_through_slices_and_enlargements_to_a_kernel() -> None:
    build = Build(1, 5, 7, 3)
    y = build.slice(build.conv(build.x, 4), (0, 1, 0, 0), (1, 4, 7, 4))
    y = build.reshape(build.binary("ADD", y, build.random(4)), 1, 28, 4)
    graph = build.graph(build.binary("MUL", y, 0.25))
    applied(graph, canonicalize)
    assert kinds(graph) == ["CONV_2D", "SLICE", "RESHAPE"]


def test_activations_move_through_transpositions_into_convolutions() -> None:
    build = Build(1, 5, 7, 3)
    y = build.unary("RELU6", build.nchw(build.conv(build.x, 4)))
    graph = build.graph(build.reshape(y, 1, 4, 35))
    applied(graph, canonicalize)
    assert kinds(graph) == ["CONV_2D", "TRANSPOSE", "RESHAPE"]
    assert graph.operators[0].options.fusedActivationFunction == 3


def test_a_factor_across_rows_is_no_factor_of_channels() -> None:
    build = Build(1, 4, 4, 3)
    y = build.conv(build.x, 4)
    graph = build.graph(build.binary("MUL", y, np.arange(1.0, 5.0).reshape(1, 1, 4, 1)))
    assert applied(graph, canonicalize) == 0
