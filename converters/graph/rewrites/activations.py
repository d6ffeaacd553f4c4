"""Activations that exporters take apart, put together by what they compute."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor, constant
from tfl_depth.converters.graph.kinds import POINTWISE
from tfl_depth.converters.graph.movement import computed_inputs
from tfl_depth.converters.graph.rewrites.known_activations import (
    GRID,
    Values,
    known_activation,
)
from tfl_depth.converters.graph.rewrites.maker import Maker
from tfl_depth.converters.graph.rewrites.regions import ends, operators_between, roots
from tfl_depth.converters.graph.run import GraphRunner


def recognize_activations(graph: Graph) -> int:
    """Write operators that compute a usual activation of one tensor as that activation."""
    count = 0
    done: set[Tensor] = set()
    while True:
        root_of = roots(graph, _is_function, done)
        found = [_recognize(graph, root, tensors) for root, tensors in ends(graph, root_of)]
        known = [pair for pair in found if pair is not None]
        if not known:
            return count
        for inside, is_new in known:
            done.update(inside)
            count += is_new


def _is_function(operator: Operator) -> bool:
    """Whether an operator computes each element from elements at the same place, and numbers.

    These are the same for all elements, or one for each channel.
    """
    if operator.kind not in POINTWISE:
        return False
    tensors = [tensor for tensor in operator.inputs if tensor is not None]
    result = operator.output
    is_known = all(_by_channel(t, result) is not None for t in tensors if t.is_constant)
    shapes = {t.shape for t in tensors if not t.is_constant}
    return is_known and shapes == {result.shape}


def _by_channel(tensor: Tensor, like: Tensor) -> Any:
    """A constant as (1, 1), or (1, channels); None where it is neither."""
    value = tensor.constant
    if value.size == 1:
        return value.reshape(1, 1)
    is_row = like.shape[-1:] == value.shape[-1:] == (value.size,)
    return value.reshape(1, -1) if is_row else None


def _recognize(
    graph: Graph, root: Tensor, results: list[Tensor]
) -> tuple[list[Tensor], bool] | None:
    """Find the tensor farthest from the root that is a usual activation of it.

    Returns:
        What need not be looked at again: what its operators compute, or where there is none, the
        first step from the root; and whether operators were written anew.
    """
    candidates = [tensor for tensor in results if tensor.dtype == np.float32]
    if root.dtype != np.float32 or not candidates:
        return None
    for result, values in _values(graph, root, candidates).items():
        known = known_activation(values)
        if known is None:
            continue
        operators = operators_between(graph, root, result)
        maker = Maker(result)
        known.write(maker, root)
        is_new = _kinds(maker.operators) != _kinds(operators)
        if is_new:
            maker.replace(graph, _producer(graph, result))
            graph.remove_dead()
            operators = maker.operators
        return [tensor for operator in operators for tensor in operator.outputs], is_new
    steps = [tensor for tensor in results if root in computed_inputs(_producer(graph, tensor))]
    return (steps, False) if len(steps) == 1 else None


def _producer(graph: Graph, tensor: Tensor) -> Operator:
    producer = graph.producer(tensor)
    if producer is None:
        raise ValueError(f"Expected an operator to compute {tensor.name}.")
    return producer


def _kinds(operators: list[Operator]) -> list[str]:
    return sorted(operator.kind for operator in operators)


def _values(graph: Graph, root: Tensor, results: list[Tensor]) -> dict[Tensor, Values]:
    """What the results are of the root's values on the grid; only of those that stay finite.

    Returns:
        (points, 1), or (points, channels) where channels differ.
    """
    wanted = {op for result in results for op in operators_between(graph, root, result)}
    order = [operator for operator in graph.operators if operator in wanted]
    channels = _channels(order)
    points = np.repeat(GRID[:, None], channels, axis=1).astype(np.float32)
    small: dict[Tensor, Tensor] = {root: Tensor("x", points.shape, root.dtype)}
    made = [_on_grid(operator, small, points.shape) for operator in order]
    outputs = {str(place): small[result] for place, result in enumerate(results)}
    found = GraphRunner(Graph({"x": small[root]}, outputs, made))({small[root]: points})
    values = {result: found[small[result]].astype(np.float64) for result in results}
    return {result: value for result, value in values.items() if np.isfinite(value).all()}


def _channels(operators: list[Operator]) -> int:
    """1 where operators do the same to all channels, or their number."""
    constants = (t for op in operators for t in op.inputs if t is not None and t.is_constant)
    return max((tensor.constant.size for tensor in constants), default=1)


def _on_grid(operator: Operator, small: dict[Tensor, Tensor], shape: tuple[int, ...]) -> Operator:
    """The operator for tensors of the grid's shape; others before it have been made."""
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
