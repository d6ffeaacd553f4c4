"""Training at int8, on small graphs: what it computes, what it changes, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from keras import ops

from tests.converters.head.networks import RELU6, VALID, Net
from tfl_depth.converters.graph import Graph, GraphRunner, Operator, Tensor, constant, options
from tfl_depth.converters.graph.kernels import has_kernel, kernel_of, set_kernel
from tfl_depth.converters.graph.run import run_graph
from tfl_depth.converters.ptq.progress import silent
from tfl_depth.converters.ptq.range_estimation import estimate_ranges, minmax
from tfl_depth.converters.ptq.statistics import observe
from tfl_depth.converters.ptq.weight_grid import nearest_kernel
from tfl_depth.errors import ConversionError
from tfl_depth.training import qat_distillation
from tfl_depth.training.graph_operators import compute, refuse_unknown
from tfl_depth.training.qat_distillation import QatSetup, distill_at_int8


def pool(net: Net, kind: str) -> Tensor:
    made = options(
        "Pool2DOptions", padding=VALID, strideH=2, strideW=2, filterHeight=3, filterWidth=3
    )
    return net.add(kind, [net.image], (1, 5, 7, 3), made)


def pad(net: Net) -> Tensor:
    widths = net.number([[0, 0], [1, 2], [3, 0], [0, 0]], np.int32)
    return net.add("PAD", [net.image, widths], (1, 15, 19, 3))


def leaky(net: Net) -> Tensor:
    made = options("LeakyReluOptions", alpha=0.3)
    return net.add("LEAKY_RELU", [net.image], net.image.shape, made)


CASES: dict[str, Callable[[Net], Tensor]] = {
    "convolution": lambda net: net.conv(net.image, 5, 3, stride=2, activation=RELU6),
    "valid convolution": lambda net: net.conv(net.image, 5, 3, padding=VALID),
    "depthwise": lambda net: net.depthwise(net.image, multiplier=2),
    "dense": lambda net: net.dense(net.image, 4),
    "sum": lambda net: net.binary("ADD", net.image, net.conv(net.image, 3)),
    "difference": lambda net: net.binary("SUB", net.image, 0.5),
    "product": lambda net: net.binary("MUL", net.image, [1.0, 2.0, 3.0]),
    "concatenation": lambda net: net.concatenate(net.image, net.conv(net.image, 2)),
    "bilinear": lambda net: net.resize(net.image, 24, 32),
    "nearest": lambda net: net.resize(net.image, 24, 32, "NEAREST_NEIGHBOR"),
    "maximum pool": lambda net: pool(net, "MAX_POOL_2D"),
    "average pool": lambda net: pool(net, "AVERAGE_POOL_2D"),
    "mean": lambda net: net.reduce("MEAN", net.image, 2),
    "padding": pad,
    "reshape": lambda net: net.reshape(net.image, 1, 12, 48),
    "leaky": leaky,
    **{
        kind: lambda net, kind=kind: net.unary(kind, net.image)  # type: ignore[misc]
        for kind in ("RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH")
    },
}


@pytest.mark.parametrize("case", CASES)
def test_an_operator_computes_what_the_interpreter_does(case: str) -> None:
    net = Net()
    output = CASES[case](net)
    graph = net.finish(output=output)
    photos = [net.photo(seed) for seed in range(2)]
    runner = GraphRunner(graph)
    expected = np.concatenate([runner({net.image: photo})[output] for photo in photos])
    values = {net.image: ops.convert_to_tensor(np.concatenate(photos))}
    for operator in graph.operators:
        inputs = [
            None if t is None else ops.convert_to_tensor(t.constant) if t.is_constant else values[t]
            for t in operator.inputs
        ]
        values[operator.output] = compute(operator, inputs)
    np.testing.assert_allclose(np.asarray(values[output]), expected, atol=2e-5)


def test_what_cannot_be_trained_is_named() -> None:
    net = Net()
    graph = net.finish(output=net.softmax(net.image))
    with pytest.raises(ConversionError, match="does not support the operator SOFTMAX"):
        refuse_unknown(graph)
    net = Net()
    resized = net.resize(net.image, 24, 32)
    net.graph.operators[-1].options.halfPixelCenters = False
    with pytest.raises(ConversionError, match="RESIZE_BILINEAR"):
        refuse_unknown(net.finish(output=resized))


def disturbed(graph: Graph, *, per_channel: bool) -> Graph:
    """The graph with kernels on their grids, each weight up to two codes beside the nearest."""
    made, rng = graph.copy(), np.random.default_rng(1)
    for operator in filter(has_kernel, made.operators):
        kernel = kernel_of(operator)
        step = np.abs(kernel.constant).max() / 127
        moved = kernel.constant + step * rng.integers(-2, 3, kernel.shape)
        set_kernel(operator, constant(kernel.name, moved))
        nearest = nearest_kernel(operator, per_channel=per_channel)
        set_kernel(operator, constant(kernel.name, nearest))
    return made


def depth_graph() -> Graph:
    net = Net(seed=5)
    x = net.depthwise(net.conv(net.image, 8, 3, activation=RELU6))
    x = net.conv(x, 6, 1, activation=RELU6)
    graph = net.finish(depth=net.conv(x))
    last = graph.operators[-1]
    last.inputs[2] = constant("offset", [3.0])
    return graph


@pytest.mark.parametrize("per_channel", [True, False])
def test_training_brings_rounded_kernels_nearer_to_the_teacher(
    per_channel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few updates must each go farther.
    monkeypatch.setattr(qat_distillation, "RATE", 0.1)
    teacher = depth_graph()
    photos = [Net().photo(seed) for seed in range(8)]
    student = disturbed(teacher, per_channel=per_channel)
    (source,) = student.inputs.values()
    ranges = estimate_ranges(observe(student, photos, len(photos)), minmax)
    frozen = student.operators[1]
    setup = QatSetup(ranges, {source: (-2.0, 2.0)}, {kernel_of(frozen): 1.0}, per_channel)
    before = error(student, teacher, photos)
    kept = kernel_of(frozen).constant
    kernels = [kernel_of(op).constant for op in student.operators]
    distill_at_int8(student, setup, photos, teacher, updates=60, progress=silent)
    assert error(student, teacher, photos) < 0.7 * before
    assert kernel_of(frozen).constant is kept
    assert any(
        not np.array_equal(kernel_of(op).constant, old)
        for op, old in zip(student.operators, kernels, strict=True)
    )
    for operator in student.operators:
        if operator is not frozen:
            assert_on_grid(operator, per_channel)


def assert_on_grid(operator: Operator, per_channel: bool) -> None:
    kernel = kernel_of(operator).constant
    nearest = nearest_kernel(operator, per_channel=per_channel)
    np.testing.assert_allclose(kernel, nearest, rtol=1e-5, atol=1e-7)


def error(graph: Graph, teacher: Graph, photos: list[np.ndarray]) -> float:
    """Mean difference of a graph with rounded kernels from the teacher."""
    differences = []
    for photo in photos:
        one, other = (run_graph(each, [photo])["depth"] for each in (graph, teacher))
        differences.append(np.abs(one - other).mean())
    return float(np.mean(differences))
