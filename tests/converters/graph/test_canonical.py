from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.converters.graph.build import Build
from tests.converters.graph.exported_activations import elu_pt, gelu_tanh_o2t
from tests.converters.graph.exported_normalizations import group_pt, layer_of_tokens_pt
from tests.converters.graph.same import applied, counts, kinds
from tfl_depth.converters.graph import Graph, Tensor
from tfl_depth.converters.graph.rewrites import canonicalize, prepare_for_int8
from tfl_depth.converters.graph.rewrites.repeat import ROUNDS, repeat
from tfl_depth.converters.quantize.rules import unsupported

IMAGE = (1, 3, 16, 24)
_ONE = ((0, 0), (0, 0), (1, 1), (1, 1))


def _stem(build: Build) -> Tensor:
    """The first layers of a ResNet, channels first."""
    y = build.nhwc(build.pad(build.x, _ONE))
    y = build.nchw(build.conv(y, 8, 3, stride=2, padding="VALID", activation="RELU"))
    y = build.nhwc(build.pad(y, _ONE, -np.inf))
    return build.pool("MAX_POOL_2D", y, 3, 2)


def _decoder(build: Build, x: Tensor, skip: Tensor) -> Tensor:
    """ELU, enlarging and a concatenation with channels first, then a sigmoid."""
    y = elu_pt(build, build.nchw(build.conv(x, 6, 3)))
    table = np.arange(8) // 2, np.arange(12) // 2
    rows, columns = np.meshgrid(*table, indexing="ij")
    y = build.apply(
        "GATHER_ND",
        [build.reshape(build.nhwc(y), 4, 6, 6), np.stack([rows, columns], -1).astype(np.int32)],
        (8, 12, 6),
    )
    y = build.concat(build.nchw(build.reshape(y, 1, 8, 12, 6)), build.nchw(skip), axis=1)
    return build.unary("LOGISTIC", build.nchw(build.conv(build.nhwc(y), 1, 3)))


def _monodepth(build: Build) -> Graph:
    skip = build.conv(build.nhwc(build.x), 5, 3, stride=2, activation="RELU")
    return build.graph(_decoder(build, _stem(build), skip))


def _hybrid(build: Build) -> Graph:
    y = group_pt(build, _stem(build))
    y = build.conv(gelu_tanh_o2t(build, layer_of_tokens_pt(build, y)), 8)
    shares = build.softmax(build.matmul(build.reshape(y, 1, 24, 8), build.random(8, 24)))
    y = build.reshape(build.matmul(shares, build.reshape(y, 1, 24, 8)), 1, 4, 6, 8)
    skip = build.conv(build.nhwc(build.x), 5, 3, stride=2, activation="RELU")
    return build.graph(_decoder(build, y, skip))


def _prepare(graph: Graph) -> None:
    canonicalize(graph)
    (source,) = graph.inputs.values()
    image = np.random.default_rng(0).normal(size=source.shape).astype(np.float32)
    prepare_for_int8(graph, [image])


@pytest.mark.parametrize("network", [_monodepth, _hybrid], ids=lambda network: network.__name__)
def test_networks_of_torch_come_into_a_form_that_int8_and_npus_have(
    network: Callable[[Build], Graph],
) -> None:
    graph = network(Build(*IMAGE))
    applied(graph, _prepare)
    found = counts(graph)
    assert not unsupported(set(found))
    odd = {"DIV", "EXP", "GATHER_ND", "MEAN", "PADV2", "SELECT", "SQRT", "TRANSPOSE"}
    assert not odd & set(found) - ({"MEAN"} if network is _hybrid else set())
    assert found["ELU"] == found["RESIZE_NEAREST_NEIGHBOR"] == 1


@pytest.mark.parametrize("network", [_monodepth, _hybrid], ids=lambda network: network.__name__)
def test_a_second_time_nothing_is_left_to_do(network: Callable[[Build], Graph]) -> None:
    graph = network(Build(*IMAGE))
    canonicalize(graph)
    assert canonicalize(graph) == 0
    prepare_for_int8(graph, [])
    before = kinds(graph)
    prepare_for_int8(graph, [])
    assert kinds(graph) == before


def test_the_convolution_that_gives_an_output_stays_the_same_operator() -> None:
    build = Build(*IMAGE)
    y = build.conv(_stem(build), 1, 3)
    last = build.operators[-1]
    graph = build.graph(y)
    applied(graph, _prepare)
    assert graph.operators[-1] is last
    assert graph.outputs["output_0"] is y


def test_rewrites_that_undo_each_other_end() -> None:
    graph = Build(*IMAGE).graph()
    rounds: list[Graph] = []

    def endless(graph: Graph) -> int:
        rounds.append(graph)
        return 1

    assert repeat(graph, [endless]) == len(rounds) == ROUNDS
