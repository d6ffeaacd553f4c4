"""The int8 operators beside the float ones: one that fails is refused, a coarse step is not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.converters.graph.build import Build
from tfl_depth.converters.graph import Graph, GraphRunner
from tfl_depth.converters.quantize.integer import QuantizationPlan, quantized
from tfl_depth.converters.verify import compare_operators, refuse_dead
from tfl_depth.errors import ConversionError

SHAPE = (1, 4, 6, 8)
PHOTOS = [np.random.default_rng(seed).uniform(0, 1, SHAPE).astype(np.float32) for seed in (0, 1)]


def graphs(range_factor: float) -> tuple[Graph, Graph]:
    """A convolution in float and in int8; its range is so many times that of its values."""
    net = Build(*SHAPE)
    graph = net.graph(net.conv(net.x, 4, 1))
    run = GraphRunner(graph, graph.computed())
    values = {
        tensor: run({graph.inputs["image"]: PHOTOS[0]})[tensor] for tensor in graph.computed()
    }
    ranges = {t: (min(0.0, float(v.min())), max(0.0, float(v.max()))) for t, v in values.items()}
    output = graph.outputs["output_0"]
    low, high = ranges[output]
    ranges[output] = (low * range_factor, high * range_factor)
    plan = QuantizationPlan(ranges=ranges, pinned={}, exact={}, bits=8, per_channel=True)
    return graph, quantized(graph, plan)


def test_a_kernel_that_gives_one_value_is_refused() -> None:
    graph, made = graphs(range_factor=1)
    refuse_dead(compare_operators(graph, made, PHOTOS))
    (conv,) = (op for op in made.operators if op.kind == "CONV_2D")
    for constant in conv.inputs[1:]:
        assert constant is not None
        constant.data = np.zeros_like(constant.constant)
    with pytest.raises(ConversionError, match=r"CONV_2D .* is constant in int8"):
        refuse_dead(compare_operators(graph, made, PHOTOS))


def test_values_within_a_step_may_share_a_code() -> None:
    """As in a branch that reaches far on one photo and hardly moves on the others."""
    graph, made = graphs(range_factor=1000)
    (error,) = (e for e in compare_operators(graph, made, PHOTOS) if e.kind == "CONV_2D")
    assert not error.dead
    refuse_dead([error])
