"""A float network whose kernels and feature maps are quantized one by one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.strategy.small_study import Inputs
from tfl_depth.converters.graph import GraphRunner, constant
from tfl_depth.converters.graph.kernels import has_kernel, kernel_of, set_kernel
from tfl_depth.converters.ptq.weight_grid import nearest_kernel
from tfl_depth.converters.quantize import quantized
from tfl_depth.converters.verify.operators import to_codes, to_values
from tfl_depth.encoding import Spans
from tfl_depth.strategy.calibrated_graph import CalibratedGraph
from tfl_depth.strategy.deviation import median_mm
from tfl_depth.strategy.fake_quant_model import FakeQuantModel, depth_of_outputs

Calibrated = tuple[CalibratedGraph, Inputs]


@pytest.fixture
def model(small_calibrated: Calibrated) -> FakeQuantModel:
    made, _ = small_calibrated
    return FakeQuantModel(made.headed, made.ranges)


def test_in_float_it_is_the_network(model: FakeQuantModel, small_calibrated: Calibrated) -> None:
    made, inputs = small_calibrated
    graph = made.headed.graph
    (source,) = graph.inputs.values()
    found = GraphRunner(graph)({source: inputs[0]})
    outputs = {name: found[tensor] for name, tensor in graph.outputs.items()}
    expected = depth_of_outputs(outputs, made.headed.spans)
    np.testing.assert_array_equal(model.depth(inputs[:1])[0], expected)
    assert 0.5 < np.median(expected) < 8


@pytest.mark.parametrize("per_channel", [True, False])
def test_one_kernel_is_rounded_and_no_other(
    model: FakeQuantModel, small_calibrated: Calibrated, per_channel: bool
) -> None:
    made, inputs = small_calibrated
    graph = made.headed.graph.copy()
    operator = next(op for op in graph.operators if has_kernel(op))
    rounded = nearest_kernel(operator, per_channel=per_channel)
    set_kernel(operator, constant(kernel_of(operator).name, rounded))
    (source,) = graph.inputs.values()
    found = GraphRunner(graph)({source: inputs[0]})
    outputs = {name: found[tensor] for name, tensor in graph.outputs.items()}
    depth = model.depth(inputs[:1], kernels=[operator.output.name], per_channel=per_channel)
    np.testing.assert_array_equal(depth[0], depth_of_outputs(outputs, made.headed.spans))
    assert median_mm(depth, model.depth(inputs[:1])) > 0


def test_kernels_and_maps_leave_out_what_the_head_makes_exact(
    model: FakeQuantModel, small_calibrated: Calibrated
) -> None:
    made, _ = small_calibrated
    pinned = {tensor.name for tensor in made.headed.pinned}
    assert len(made.headed.exact) == 2 and len(model.kernels) == 5
    assert pinned and not pinned & set(model.maps)
    assert len(model.maps) == 5


def test_everything_together_is_near_the_integer_graph(
    model: FakeQuantModel, small_calibrated: Calibrated
) -> None:
    made, inputs = small_calibrated
    integer = quantized(made.headed.graph, made.plan(per_channel=False))
    (source,) = integer.inputs.values()
    runner = GraphRunner(integer)
    expected = []
    for each in inputs:
        found = runner({source: to_codes(each, source)})
        values = {name: to_values(found[out], out) for name, out in integer.outputs.items()}
        expected.append(depth_of_outputs(values, made.headed.spans))
    simulated = model.depth(inputs, kernels=model.kernels, per_channel=False, maps=model.maps)
    error_mm = median_mm(expected, model.depth(inputs))
    assert error_mm > 10
    assert median_mm(expected, simulated) < error_mm / 3


def test_a_single_output_is_taken_as_it_is() -> None:
    depth = np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1)
    found = depth_of_outputs({"depth": depth}, Spans((0.0, 10.0)))
    np.testing.assert_array_equal(found, depth[0, ..., 0])
