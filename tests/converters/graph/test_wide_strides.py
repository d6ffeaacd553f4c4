"""Convolutions with wide strides, as in the patches of a transformer, run on Arm's older NPUs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, kinds
from tfl_depth.converters.deployment import compile_for_target
from tfl_depth.converters.graph import Graph, GraphRunner, write_graph
from tfl_depth.converters.graph.rewrites import canonicalize, prepare_for_int8
from tfl_depth.converters.quantize.integer import QuantizationPlan, quantized
from tfl_depth.targets import TARGETS

SHAPE = (1, 32, 48, 3)
KEPT = ["PAD", "MAX_POOL_2D", "CONV_2D"]


def prepare(graph: Graph) -> None:
    canonicalize(graph)
    prepare_for_int8(graph, [])


def strided(padding: str, stride: int) -> Graph:
    """A 7x7 convolution: "SAME", or PyTorch's padding of 3 in front of it."""
    net = Build(*SHAPE)
    x = net.unary("LOGISTIC", net.x)
    if padding == "PyTorch":
        x, padding = net.pad(x, [[0, 0], [3, 3], [3, 3], [0, 0]]), "VALID"
    return net.graph(net.conv(x, 8, 7, stride=stride, padding=padding))


@pytest.mark.parametrize("padding", ["SAME", "PyTorch"])
def test_padding_is_kept_apart_and_nothing_is_left_to_the_cpu(padding: str) -> None:
    graph = strided(padding, 4)
    applied(graph, prepare)
    assert kinds(graph) == ["LOGISTIC", *KEPT]
    pytest.importorskip("ethosu.vela", reason="Arm's Vela is not installed")
    run = GraphRunner(graph, graph.computed())
    values = run({graph.inputs["image"]: np.ones(SHAPE, np.float32)})
    ranges = {t: (min(0.0, float(v.min())), float(v.max()) + 0.1) for t, v in values.items()}
    plan = QuantizationPlan(ranges=ranges, pinned={}, exact={}, bits=8, per_channel=True)
    content = write_graph(quantized(graph, plan))
    placement = compile_for_target(content, "ethos-u55-128", TARGETS["ethos-u55-128"]).placement
    assert not placement.at("cpu")


def test_two_convolutions_of_one_tensor() -> None:
    net = Build(*SHAPE)
    graph = net.graph(*(net.conv(net.x, 4, 7, stride=4) for _ in range(2)))
    applied(graph, prepare)
    names = [tensor.name for tensor in graph.computed()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("padding", "stride"), [("SAME", 3), ("VALID", 4)])
def test_others_stay(padding: str, stride: int) -> None:
    graph = strided(padding, stride)
    applied(graph, prepare)
    assert kinds(graph) == ["LOGISTIC", "CONV_2D"]
