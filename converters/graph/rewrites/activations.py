"""Finds activations that exporters wrote as several operators, by their values."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor, constant
from tfl_depth.converters.graph.movement import computed_inputs
from tfl_depth.converters.graph.operator_kinds import POINTWISE, kinds
from tfl_depth.converters.graph.rewrites.activation_values import (
    GRID,
    Known,
    Values,
    is_finite_near,
    without_far,
)
from tfl_depth.converters.graph.rewrites.known_activations import known_activation
from tfl_depth.converters.graph.rewrites.maker import Maker
from tfl_depth.converters.graph.rewrites.regions import ends, operators_between, roots
from tfl_depth.converters.graph.run import GraphRunner

# Operators that alone are no activation, or are already the best form of one.
_LONE = kinds(
    "ABS ADD CAST DIV ELU EXP GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC MUL NEG RELU RELU6 "
    "RELU_0_TO_1 RELU_N1_TO_1 RSQRT SQRT SQUARE SUB TANH"
)

Memory = dict[Any, "tuple[Tensor, Known] | None"]


def recognize_activations(graph: Graph, known: Memory) -> int:
    """Replace operators that together compute a known activation of one tensor.

    Args:
        graph: is changed.
        known: results for regions that were examined before. New results are added.
    """
    count = 0
    done: set[Tensor] = set()
    while True:
        root_of = roots(graph, _is_function, done)
        pairs = [_recognize(graph, root, each, known) for root, each in ends(graph, root_of)]
        found = [pair for pair in pairs if pair is not None]
        if not found:
            return count
        for inside, is_new in found:
            done.update(inside)
            count += is_new


def _is_function(operator: Operator) -> bool:
    """Whether an operator computes each element from elements at the same place and constants.

    The constants are the same for all elements, or one for each channel.
    """
    if operator.kind not in POINTWISE:
        return False
    tensors = [tensor for tensor in operator.inputs if tensor is not None]
    result = operator.output
    is_known = all(_by_channel(t, result) is not None for t in tensors if t.is_constant)
    shapes = {t.shape for t in tensors if not t.is_constant}
    return is_known and shapes == {result.shape}


def _by_channel(tensor: Tensor, like: Tensor) -> Any:
    """Return a constant as (1, 1) or (1, channels); None if it has another shape."""
    value = tensor.constant
    if value.size == 1:
        return value.reshape(1, 1)
    is_row = like.shape[-1:] == value.shape[-1:] == (value.size,)
    return value.reshape(1, -1) if is_row else None


def _recognize(
    graph: Graph, root: Tensor, results: list[Tensor], known: Memory
) -> tuple[list[Tensor], bool] | None:
    """Find the last tensor that is a known activation of the root.

    Returns:
        The tensors that need no further examination, and whether operators were replaced.
    """
    candidates = [tensor for tensor in results if tensor.dtype == np.float32]
    if root.dtype != np.float32 or not candidates:
        return None
    found = _first_known(graph, root, candidates, known)
    if found is None:
        steps = [t for t in results if root in computed_inputs(_producer(graph, t))]
        return (steps, False) if len(steps) == 1 else None
    result, activation = found
    operators = operators_between(graph, root, result)
    maker = Maker(result)
    activation.write(maker, root)
    is_new = _kinds(maker.operators) != _kinds(operators)
    if is_new:
        maker.replace(graph, _producer(graph, result))
        graph.remove_dead()
        operators = maker.operators
    return [tensor for operator in operators for tensor in operator.outputs], is_new


def _first_known(
    graph: Graph, root: Tensor, results: list[Tensor], known: Memory
) -> tuple[Tensor, Known] | None:
    """Return the first of the results that is a known activation."""
    region = _region(graph, root, results)
    if len(region) == 1 and region[0].kind in _LONE:
        return None
    key = (root, tuple((operator, *operator.inputs) for operator in region))
    if key not in known:
        values = _values(region, root, results)
        pairs = ((result, known_activation(value)) for result, value in values.items())
        named = ((result, activation) for result, activation in pairs if activation is not None)
        known[key] = next(named, None)
    return known[key]


def _region(graph: Graph, root: Tensor, results: list[Tensor]) -> list[Operator]:
    """Return all operators between a root and some results, in order."""
    wanted = {op for result in results for op in operators_between(graph, root, result)}
    return [operator for operator in graph.operators if operator in wanted]


def _producer(graph: Graph, tensor: Tensor) -> Operator:
    producer = graph.producer(tensor)
    if producer is None:
        raise ValueError(f"Expected an operator to compute {tensor.name}.")
    return producer


def _kinds(operators: list[Operator]) -> list[str]:
    return sorted(operator.kind for operator in operators)


def _values(region: list[Operator], root: Tensor, results: list[Tensor]) -> dict[Tensor, Values]:
    """Compute the results for values of the root on the grid. Only finite results are returned.

    Returns:
        (points, 1), or (points, channels) if channels differ.
    """
    channels = _channels(region)
    points = np.repeat(GRID[:, None], channels, axis=1).astype(np.float32)
    small: dict[Tensor, Tensor] = {root: Tensor("x", points.shape, root.dtype)}
    made = [_on_grid(operator, small, points.shape) for operator in region]
    outputs = {str(place): small[result] for place, result in enumerate(results)}
    found = GraphRunner(Graph({"x": small[root]}, outputs, made))({small[root]: points})
    values = {result: found[small[result]].astype(np.float64) for result in results}
    if any(operator.kind == "EXP" for operator in region):
        values = {result: without_far(value) for result, value in values.items()}
    return {result: value for result, value in values.items() if is_finite_near(value)}


def _channels(operators: list[Operator]) -> int:
    """Return 1 if operators treat all channels equally, or the number of channels."""
    constants = (t for op in operators for t in op.inputs if t is not None and t.is_constant)
    return max((tensor.constant.size for tensor in constants), default=1)


def _on_grid(operator: Operator, small: dict[Tensor, Tensor], shape: tuple[int, ...]) -> Operator:
    """Copy an operator for tensors of the grid's shape."""
    for tensor in operator.outputs:
        small[tensor] = Tensor(tensor.name, shape, tensor.dtype)
    inputs = [
        small.get(t) or constant(t.name, _by_channel(t, operator.output), t.dtype)
        if t is not None
        else None
        for t in operator.inputs
    ]
    made_options = copy.copy(operator.options)
    outputs = [small[tensor] for tensor in operator.outputs]
    return Operator(operator.kind, inputs, outputs, made_options, operator.version)
