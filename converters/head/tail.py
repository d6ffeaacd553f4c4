"""The operators after y in a plain form: functions of a map (1, H, W, 1), and moves of pixels."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Operator, Tensor, constant, options
from tfl_depth.converters.graph.movement import computed_inputs
from tfl_depth.converters.head.building import computed, reshape
from tfl_depth.converters.head.linear_part import LinearPart
from tfl_depth.converters.head.tail_operators import POINTWISE, map_size
from tfl_depth.converters.head.walk import Path, is_scalar
from tfl_depth.errors import ConversionError

# Values to test a tail with, which cover what a network's y may be.
_SPREAD = 3.0
_TOLERANCE = 1e-4


def add_tail(graph: Graph, path: Path, y: Tensor) -> list[Operator]:
    """Append the computing operators of a path, for a map of y's shape."""
    mine = {path.start: y}
    tail: list[Operator] = []
    for operator in path.operators:
        if operator.kind in POINTWISE or is_scalar(operator):
            result = Tensor(graph.unique_name("tail"), y.shape, operator.output.dtype)
            tail.append(_on_map(operator, mine, result))
            graph.operators.append(tail[-1])
            mine[operator.output] = result
        else:
            source = mine[computed_inputs(operator)[0]]
            mine.update(dict.fromkeys(operator.outputs, source))
    return tail


def _on_map(operator: Operator, mine: dict[Tensor, Tensor], result: Tensor) -> Operator:
    """Copy an operator with other tensors."""
    inputs = [t if t is None else mine.get(t) or _one(t, operator.kind) for t in operator.inputs]
    # SELECT accepts only maps of the same shape.
    if operator.kind == "SELECT":
        return Operator("SELECT_V2", inputs, [result], options("SelectV2Options"))
    made = copy.deepcopy(operator.options)
    return Operator(operator.kind, inputs, [result], made, operator.version)


def _one(values: Tensor, kind: str) -> Tensor:
    """Reduce a constant of equal elements to one element."""
    if values.constant.size == 1 and len(values.shape) <= 4:
        return values
    shape = (1, 1, 1) if kind == "PRELU" else (1,)
    return constant(f"{values.name}_one", np.full(shape, values.constant.flat[0]), values.dtype)


def add_moves(graph: Graph, tensor: Tensor, moves: Sequence[Operator]) -> list[Operator]:
    """Append copies of operators that cut or flip a map (1, H, W, 1), for another map.

    Returns:
        The copies. The last one computes a map (1, H, W, 1).

    Raises:
        ConversionError: they work on another form of the map.
    """
    made: list[Operator] = []
    for operator in moves:
        (source,) = computed_inputs(operator)
        if source.shape != tensor.shape:
            raise ConversionError(
                f"Expected {operator.kind} {operator.output.name} to work on a map (1, H, W, 1), "
                f"got {source.shape}: export the network without it, or convert with --head single."
            )
        made.append(moved(graph, operator, tensor))
        shape = (1, *(map_size(operator.output) or ()), 1)
        if operator.output.shape != shape:
            made.append(reshape(graph, made[-1].output, shape))
        tensor = made[-1].output
    graph.operators += made
    return made


def moved(graph: Graph, operator: Operator, tensor: Tensor) -> Operator:
    """Copy an operator that moves the pixels of a map, for another map."""
    result = computed(graph, f"{tensor.name}_moved", operator.output.shape)
    inputs = [t if t is None or t.is_constant else tensor for t in operator.inputs]
    return Operator(operator.kind, inputs, [result], operator.options, operator.version)


def prove_tail(graph: Graph, path: Path, part: LinearPart, raw: Tensor) -> None:
    """Test with random maps that the tail works pixel by pixel and equals the network's operators.

    Args:
        graph: with the network's operators and the tail's.
        path: the network's own operators, from the linear value to the output.
        part: the operators that compute y.
        raw: the result of the tail.

    Raises:
        ConversionError: it is not.
    """
    y = part.operators[-1].output
    random = np.random.default_rng(0)
    values = random.normal(scale=_SPREAD, size=path.start.shape).astype(np.float32)
    given = values.ravel()[part.pixels]
    found = _run(graph, y, raw, given)
    order = random.permutation(given.size)
    _expect_equal(_run(graph, y, raw, given[order]), found[order])
    if not path.resizes:
        _expect_equal(_run(graph, path.start, path.end, values), found[part.shown])
        return
    for place in range(min(4, given.size)):
        # A resize does not change a constant map.
        even = _run(graph, path.start, path.end, np.full_like(values, given[place]))
        _expect_equal(even, np.full_like(even, found[place]))


def _run(
    graph: Graph, source: Tensor, result: Tensor, values: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    run = GraphRunner(graph, [result], inputs=[source])
    found = run({source: values.reshape(source.shape)})[result]
    return np.asarray(found, np.float32).ravel()


def _expect_equal(found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    if not np.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
        raise ConversionError(
            "The operators after the last convolution do not compute each pixel by itself. "
            "Convert with --head single, which keeps the network's end as it is."
        )
