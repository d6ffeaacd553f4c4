"""Moves factors and offsets closer to kernels, such as 1 / sqrt(d) of attention."""

from __future__ import annotations

import copy

import numpy as np

from tfl_depth.converters.graph.fusion import fused_activation
from tfl_depth.converters.graph.graph import Graph, Operator, Tensor, constant
from tfl_depth.converters.graph.operator_kinds import kinds
from tfl_depth.converters.graph.rewrites.links import Links

# Operators that move values or compute weighted means. x * a + b can move before them.
_MOVES = kinds(
    "EXPAND_DIMS RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SLICE SQUEEZE STRIDED_SLICE "
    "TRANSPOSE"
)


def hoist_factors(graph: Graph) -> int:
    """Move constant factors and offsets before moves and matrix products.

    In q k^T times a number, the left side gets the factor: it is smaller than the product, and the
    dense layer that computes q can usually contain the factor.
    """
    count = 0
    links = Links(graph)
    for operator in list(graph.operators):
        found = _by_constant(operator)
        before = None if found is None else links.only_source(found[0])
        if found is None or before is None or links.producer(before.input(0)) is None:
            continue
        value = _value_before(before, operator, found[1])
        if value is not None:
            _swap(graph, before, operator, value)
            links.refresh()
            count += 1
    return count


def _by_constant(operator: Operator) -> tuple[Tensor, Tensor] | None:
    """Return (source, constant) of an addition or multiplication that keeps the shape."""
    if operator.kind not in ("ADD", "MUL") or fused_activation(operator):
        return None
    for place in (1, 0):
        source, value = operator.input(1 - place), operator.input(place)
        if value.is_constant and not source.is_constant and source.shape == operator.output.shape:
            return source, value
    return None


def _value_before(before: Operator, operator: Operator, value: Tensor) -> Tensor | None:
    """Return the constant for the place before another operator; None if it cannot move there."""
    is_number = value.constant.size == 1
    if before.kind == "BATCH_MATMUL":
        is_product = not any(t is None or t.is_constant for t in before.inputs)
        return value if is_number and operator.kind == "MUL" and is_product else None
    if before.kind not in _MOVES:
        return None
    if is_number:
        return constant(value.name, value.constant.reshape(()))
    return constant(value.name, value.constant.ravel()) if _by_channel(before, value) else None


def _by_channel(before: Operator, value: Tensor) -> bool:
    """Whether a constant has one number for each channel, and a move keeps the channels."""
    channels = before.input(0).shape[-1]
    is_row = value.shape[-1] == value.constant.size == channels
    if before.kind == "TRANSPOSE":
        order = before.input(1)
        rank = len(before.output.shape)
        return is_row and order.is_constant and int(np.ravel(order.constant)[-1]) == rank - 1
    return is_row and before.output.shape[-1:] == (channels,)


def _swap(graph: Graph, before: Operator, operator: Operator, value: Tensor) -> None:
    source = before.input(0)
    scaled = Tensor(f"{operator.output.name}/scaled", source.shape, source.dtype)
    early = Operator(operator.kind, [source, value], [scaled], copy.deepcopy(operator.options))
    inputs = [scaled, *before.inputs[1:]]
    late = Operator(before.kind, inputs, operator.outputs, before.options, before.version)
    graph.operators.remove(before)
    graph.replace(operator, [early, late])
