"""The single head: the network's own end, with its output in meters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options
from tfl_depth.converters.graph.movement import computed_inputs, moved_from, size
from tfl_depth.converters.head.building import NONE, computed, pointwise_convolution, reshape
from tfl_depth.converters.head.curve import Curve
from tfl_depth.converters.head.find import Head, convolution_of
from tfl_depth.converters.head.formula import Formula
from tfl_depth.converters.head.linear import filters_of, with_filters
from tfl_depth.converters.head.tail import moved
from tfl_depth.converters.head.tail_operators import RESIZES, keeps_order, map_size
from tfl_depth.errors import ConversionError

Range = tuple[float, float]


@dataclass(frozen=True)
class SingleHead:
    """A single head.

    Attributes:
        depth: (1, H, W, 1), the graph's output, in meters.
        pinned: fixed ranges of tensors.
    """

    depth: Tensor
    pinned: dict[Tensor, Range]


def single_head(
    graph: Graph,
    head: Head | None,
    curve: Curve | None,
    formula: Formula,
    *,
    max_depth_m: float,
    integers: bool,
) -> SingleHead:
    """Make the network's depth its output `depth`, in meters.

    If depth is a straight line over y, the last convolution computes it. Otherwise the network's
    own operators stay, and operators for the formula are added.

    Args:
        graph: of one output; is changed.
        head: the network's end, or None if `find_head` refused it.
        curve: depth as a function of y, or None if unknown.
        formula: from the network's output to meters.
        max_depth_m: the end of the range.
        integers: whether the file computes in integers.

    Raises:
        ConversionError: it divides by a computed value, which integers cannot resolve.
    """
    if head is not None and curve is not None and _is_straight(curve, max_depth_m):
        depth = _folded(graph, head, *(curve.line or (1.0, 0.0)))
    else:
        if integers:
            _refuse_division(head, formula)
        depth = _with_formula(graph, _plain_output(graph), formula)
    graph.outputs = {"depth": depth}
    graph.remove_dead()
    graph.sort()
    return SingleHead(depth, {depth: (0.0, max_depth_m)})


def _is_straight(curve: Curve, max_depth_m: float) -> bool:
    """Whether depth is a line over y in the whole range."""
    near, far = curve.ends_m
    tiny = 1e-6 * max_depth_m
    if curve.line is None:
        return False
    beyond = curve.y[[0, -1]] + np.array([-1.0, 1.0]) * (curve.y[-1] - curve.y[0])
    on_line = np.abs(curve.function(beyond) - curve.line[0] * beyond - curve.line[1]) <= 1e-4 * far
    return bool((near <= tiny or on_line[0]) and (far >= max_depth_m - tiny or on_line[1]))


def _folded(graph: Graph, head: Head, slope: float, offset: float) -> Tensor:
    """Make the convolution that computes y compute slope * y + offset."""
    convolution = convolution_of(graph, head)
    if convolution is None:
        made = [pointwise_convolution(graph, head.y, [[slope]], [offset], "depth")]
    else:
        kernel, bias = filters_of(convolution)
        bias = slope * bias + offset
        made = [with_filters(graph, convolution, slope * kernel, bias, "depth", NONE)]
    if convolution is not None and head.block > 1:
        result = computed(graph, "depth_map", head.y.shape)
        spread = options("DepthToSpaceOptions", blockSize=head.block)
        made.append(Operator("DEPTH_TO_SPACE", [made[-1].output], [result], spread))
    for operator in head.moves:
        made.append(moved(graph, operator, made[-1].output))
    graph.operators += made
    return made[-1].output


def _refuse_division(head: Head | None, formula: Formula) -> None:
    quotient = str(formula) if formula.divides else ""
    for operator in head.tail if head is not None else ():
        if operator.kind == "DIV" and not operator.input(1).is_constant:
            quotient = f"{operator.kind} {operator.output.name}"
    if quotient:
        raise ConversionError(
            f"With --head single the network would have to divide ({quotient}), which 256 codes "
            "cannot resolve and NPUs do not run: convert with --head split, or with --float32."
        )


def _plain_output(graph: Graph) -> Tensor:
    """Return the network's output as one map (1, H, W, 1), before resizing."""
    (tensor,) = graph.outputs.values()
    while True:
        producer = graph.producer(tensor)
        if producer is None or not _may_go(producer, tensor):
            break
        tensor = computed_inputs(producer)[0]
    shape = (1, *(map_size(tensor) or ()), 1)
    if tensor.shape == shape:
        return tensor
    graph.operators.append(reshape(graph, tensor, shape))
    return graph.operators[-1].output


def _may_go(operator: Operator, output: Tensor) -> bool:
    """Whether an operator only resizes or reshapes a map."""
    inputs = computed_inputs(operator)
    if len(inputs) != 1 or map_size(inputs[0]) is None:
        return False
    if operator.kind in RESIZES:
        return True
    places = moved_from(operator, output)
    return places is not None and keeps_order(places, size(inputs[0]))


def _with_formula(graph: Graph, tensor: Tensor, formula: Formula) -> Tensor:
    a, b, c = formula.numbers
    if formula.divides:
        below = _binary(graph, "MUL", tensor, c)
        below = _binary(graph, "ADD", below, b)
        result = computed(graph, "depth", tensor.shape)
        inputs: list[Tensor | None] = [constant("numerator", a), below]
        graph.operators.append(Operator("DIV", inputs, [result], options("DivOptions")))
        return result
    return _binary(graph, "MUL", tensor, a)


def _binary(graph: Graph, kind: str, tensor: Tensor, number: float) -> Tensor:
    """Add an operator with a number, unless it changes nothing."""
    if number == (1.0 if kind == "MUL" else 0.0):
        return tensor
    result = computed(graph, "formula", tensor.shape)
    made = options(f"{kind.title()}Options")
    other = constant(f"{result.name}_number", number)
    graph.operators.append(Operator(kind, [tensor, other], [result], made))
    return result
