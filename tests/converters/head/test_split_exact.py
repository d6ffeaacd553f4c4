"""The split head is exact: every y of a sweep, in float and on real INT8 kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tests.converters.head.decoding import decode_codes, decode_float
from tests.converters.head.networks import VALID, Net, outputs_of
from tfl_depth.converters.graph import Graph, Operator, Tensor, write_graph
from tfl_depth.converters.graph.kernels import kernel_of
from tfl_depth.converters.head import (
    Curve,
    Formula,
    HeadSpans,
    SplitHead,
    choose_output,
    depth_function,
    find_head,
    measure_curve,
    place_spans,
    split_head,
)
from tfl_depth.converters.quantize import QuantizationPlan, quantized

Values = npt.NDArray[np.float64]
# Codes of the two channels that y is made of: coarse steps of 127 fine ones, so that 32,512 values
# of y are exact in int8.
COARSE, FINE = 256, 127
LEVELS = COARSE * FINE
METERS = Formula()


@dataclass(frozen=True)
class Case:
    """A head, the range of depth, and the worst error of its code by arithmetic, in mm."""

    tail: Callable[[Net, Tensor], Tensor]
    exact: Callable[[Values], Values]
    y: tuple[float, float]
    range_m: tuple[float, float]
    count: int
    worst_mm: float
    formula: Formula = METERS


def sigmoid(y: Values) -> Values:
    return 1 / (1 + np.exp(-y))


def times(number: float) -> Callable[[Net, Tensor], Tensor]:
    return lambda net, y: net.binary("MUL", net.unary("LOGISTIC", y), number)


CASES = {
    "meters": Case(lambda n, y: y, lambda y: y, (-1, 11), (0, 10), 10, 1.97),
    "sigmoid": Case(times(10), lambda y: 10 * sigmoid(y), (-12, 12), (0, 10), 10, 3.0),
    "disparity": Case(
        lambda n, y: n.unary("LOGISTIC", y),
        lambda y: 1 / (1 / 80 + (5 - 1 / 80) * sigmoid(y)),
        (-18, 10),
        (0.2, 80),
        31,
        6.3,
        Formula(disparity=(0.2, 80)),
    ),
    "reciprocal": Case(
        lambda n, y: n.binary("DIV", 1.0, y), lambda y: 1 / y, (0.09, 11), (0.1, 10), 15, 1.8
    ),
    "exp": Case(lambda n, y: n.unary("EXP", y), np.exp, (-3, 5), (0.1, 100), 15, 16.3),
    "softplus": Case(
        lambda n, y: n.unary("LOG", n.binary("ADD", n.unary("EXP", y), 1.0)),
        lambda y: np.logaddexp(y, 0),
        (-9, 11),
        (0, 10),
        10,
        2.5,
    ),
    "log": Case(lambda n, y: n.unary("LOG", y), np.log, (0.95, 160), (0, 5), 5, 3.5),
    "clip": Case(
        lambda n, y: n.binary("MINIMUM", n.binary("MAXIMUM", y, 0.5), 9.0),
        lambda y: np.clip(y, 0.5, 9),
        (-1, 11),
        (0, 10),
        9,
        1.9,
    ),
}


def levels_of(case: Case) -> Values:
    """The y of each level of the sweep."""
    return np.linspace(*case.y, LEVELS)


def swept_network(case: Case) -> tuple[Net, Tensor]:
    """A network whose y is the level that two channels of its input stand for."""
    net = Net(size=(127, 256), channels=2)
    step = (case.y[1] - case.y[0]) / (LEVELS - 1)
    # Channels are -128 to 127 and 0 to 126.
    kernel = net.number(np.array([FINE * step, step]).reshape(1, 1, 1, 2))
    y = net.conv(net.image, kernel=kernel, padding=VALID)
    bias = net.number([case.y[0] + 128 * FINE * step])
    net.graph.operators[-1].inputs[2] = bias
    return net, case.tail(net, y)


def sweep() -> npt.NDArray[np.float32]:
    """The input, (1, 127, 256, 2), that goes through all levels."""
    coarse, fine = np.divmod(np.arange(LEVELS), FINE)
    return np.stack([coarse - 128, fine], -1).reshape(1, 127, 256, 2).astype(np.float32)


def split(case: Case, *, per_channel: bool) -> tuple[Graph, Curve, HeadSpans, SplitHead]:
    net, depth = swept_network(case)
    graph = net.finish(depth=depth)
    choose_output(graph)
    head = find_head(graph)
    function = depth_function(head, case.formula)
    low, high = case.y
    seen = (0.6 * low + 0.4 * high, 0.25 * low + 0.75 * high)
    curve = measure_curve(function, seen, case.range_m, count=case.count)
    spans = place_spans(curve, count=case.count, per_channel=per_channel)
    return graph, curve, spans, split_head(graph, head, spans, per_channel=per_channel)


def expected(case: Case) -> Values:
    y = levels_of(case)
    with np.errstate(all="ignore"):
        return np.clip(case.exact(y), *case.range_m)


@pytest.mark.parametrize("name", CASES)
def test_worst_error_of_the_code_over_a_sweep(name: str) -> None:
    case = CASES[name]
    graph, curve, spans, _ = split(case, per_channel=True)
    found = outputs_of(graph, sweep())
    integer, fractional = (found[key].ravel() for key in ("integer", "fractional"))
    truth = expected(case)
    error_mm = 1000 * np.abs(decode_float(integer, fractional, spans) - truth)
    # Without rounding: what the curve's samples leave, and ends that are cut.
    assert error_mm.max() <= case.worst_mm - 500 * np.diff(spans.edges_m).min() / 255
    codes = np.rint(np.clip(spans.codes_per_span * integer, 0, 255)).astype(int)
    coded_mm = 1000 * np.abs(decode_codes(codes, np.rint(255 * fractional), spans) - truth)
    assert coded_mm.max() <= case.worst_mm
    assert curve.ends_m[0] <= truth.min() + 1e-6 and curve.ends_m[1] >= truth.max() - 1e-6


def test_filters_of_unlike_gains_get_names_of_their_own() -> None:
    graph, _, _, made = split(CASES["sigmoid"], per_channel=False)
    names = [tensor.name for tensor in graph.computed()]
    assert len(made.filling) > 1 and len(set(names)) == len(names)


def run_int8(graph: Graph, kind: Any) -> dict[str, npt.NDArray[np.int64]]:
    """The outputs' codes as 0 to 255, for the sweep."""
    interpreter = Interpreter(model_content=write_graph(graph), experimental_op_resolver_type=kind)
    run = interpreter.get_signature_runner()
    found = run(image=sweep().astype(np.int8))
    return {name: values.ravel().astype(np.int64) + 128 for name, values in found.items()}


def rounding_mm(operator: Operator, spans: HeadSpans, *, per_channel: bool) -> float:
    """What the rounding of weights and biases to their steps may cost."""
    filters = kernel_of(operator).constant[:, 0, 0].astype(np.float64)
    steps = np.abs(filters).max(axis=1 if per_channel else None, keepdims=True) / 127
    wrong = np.abs(filters - steps * np.rint(filters / steps)) @ [128, 126] + steps[:, 0] / 2
    # Of a thermometer of 6 that stands for 255 steps.
    return float(np.max(wrong) * spans.worst_step_mm * 255 / 6)


@pytest.mark.parametrize("kind", [OpResolverType.AUTO, OpResolverType.BUILTIN_REF])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_real_kernels_keep_the_error_of_the_code(name: str, per_channel: bool, kind: Any) -> None:
    case = CASES[name]
    graph, _, spans, made = split(case, per_channel=per_channel)
    (image,) = graph.inputs.values()
    pinned = {**made.pinned, image: (-128.0, 127.0)}
    plan = QuantizationPlan(pinned, pinned, made.exact, per_channel=per_channel)
    codes = run_int8(quantized(graph, plan), kind)
    error_mm = 1000 * np.abs(
        decode_codes(codes["integer"], codes["fractional"], spans) - expected(case)
    )
    rounding = [rounding_mm(op, spans, per_channel=per_channel) for op in made.filling]
    # Half a step is the code's own; kernels round the thermometer and the sum once more.
    assert error_mm.max() <= 1.1 * spans.worst_step_mm + max(rounding)
    assert spans.worst_step_mm / 2 <= case.worst_mm * (1.0 if per_channel else 1.3)
    assert len(np.unique(codes["fractional"])) == 256
