"""Rules to move transpositions after operators.

Each rule gets an operator and the order of a transposition before it. It returns the equivalent
operator before the transposition, and the order of the transposition that is then needed after it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Operator, Tensor, constant
from tfl_depth.converters.graph.operator_kinds import POINTWISE, REDUCTIONS
from tfl_depth.converters.graph.rewrites.chains import transposed

Order = tuple[int, ...]


@dataclass
class Moved:
    """An operator that was moved before the transposition.

    Attributes:
        inputs: of the new operator. Tensors that have a transposition are given with it.
        order: of the transposition after each output.
        undone: indices of inputs that must be in the order before the transposition.
        options: of the new operator.
    """

    inputs: list[Tensor | None]
    order: Order
    undone: tuple[int, ...]
    options: Any = field(default=None)


Rule = Callable[[Operator, Order], Moved | None]


def moved_before(operator: Operator, order: Order) -> Moved | None:
    """Move an operator before the transposition of its inputs; None if that is not possible."""
    if operator.kind in POINTWISE:
        return _pointwise(operator, order)
    if operator.kind in REDUCTIONS:
        return _reduction(operator, order)
    rule = _RULES.get(operator.kind)
    return None if rule is None else rule(operator, order)


def inverse(order: Sequence[int]) -> Order:
    """Return the inverse order."""
    return tuple(int(axis) for axis in np.argsort(order))


def _pointwise(operator: Operator, order: Order) -> Moved | None:
    if len(operator.output.shape) != len(order):
        return None
    undone = tuple(i for i, tensor in enumerate(operator.inputs) if tensor is not None)
    return Moved(list(operator.inputs), order, undone, operator.options)


def _reduction(operator: Operator, order: Order) -> Moved | None:
    if not operator.input(1).is_constant:
        return None
    rank = len(order)
    axes = [int(axis) % rank for axis in np.atleast_1d(operator.input(1).constant)]
    before = sorted(order[axis] for axis in axes)
    kept = [axis for axis in range(rank) if axis not in before]
    due = order
    if not operator.options.keepDims:
        due = tuple(kept.index(axis) for axis in order if axis in kept)
    inputs = [operator.inputs[0], _constant(operator.input(1), before)]
    return Moved(inputs, due, (0,), operator.options)


def _concatenation(operator: Operator, order: Order) -> Moved:
    options = copy.deepcopy(operator.options)
    options.axis = order[options.axis % len(order)]
    places = tuple(range(len(operator.inputs)))
    return Moved(list(operator.inputs), order, places, options)


def _by_axis_values(operator: Operator, order: Order) -> Moved | None:
    """Move operators whose other inputs have a value, or a row of values, for each dimension."""
    inputs: list[Tensor | None] = [operator.inputs[0]]
    for tensor in operator.inputs[1:]:
        if tensor is None or not tensor.is_constant:
            return None
        is_number = tensor.constant.size == 1 and len(order) > 1
        rows = (
            tensor
            if is_number
            else constant(tensor.name, tensor.constant[list(inverse(order))], tensor.dtype)
        )
        inputs.append(rows)
    return Moved(inputs, order, (0,), operator.options)


def _strided_slice(operator: Operator, order: Order) -> Moved | None:
    options = copy.deepcopy(operator.options)
    if options.newAxisMask or options.shrinkAxisMask or options.ellipsisMask:
        return None
    back = inverse(order)
    for name in ("beginMask", "endMask"):
        mask = getattr(options, name)
        setattr(options, name, sum(1 << i for i, axis in enumerate(back) if mask >> axis & 1))
    moved = _by_axis_values(operator, order)
    if moved is not None:
        moved.options = options
    return moved


def _split(operator: Operator, order: Order) -> Moved | None:
    place = 0 if operator.kind == "SPLIT" else 2
    axis = operator.input(place)
    if not axis.is_constant:
        return None
    inputs = list(operator.inputs)
    inputs[place] = _constant(axis, np.reshape(order[int(axis.constant.item())], axis.shape))
    return Moved(inputs, order, (1 if operator.kind == "SPLIT" else 0,), operator.options)


def _reverse(operator: Operator, order: Order) -> Moved | None:
    axes = operator.input(1)
    if not axes.is_constant:
        return None
    before = [order[int(axis)] for axis in np.atleast_1d(axes.constant)]
    return Moved([operator.inputs[0], _constant(axes, before)], order, (0,), operator.options)


def _gather(operator: Operator, order: Order) -> Moved | None:
    indices, options = operator.input(1), copy.deepcopy(operator.options)
    if not indices.is_constant or len(indices.shape) != 1 or options.batchDims:
        return None
    options.axis = order[options.axis % len(order)]
    return Moved(list(operator.inputs), order, (0,), options)


def _softmax(operator: Operator, order: Order) -> Moved | None:
    is_last = order[-1] == len(order) - 1
    return Moved(list(operator.inputs), order, (0,), operator.options) if is_last else None


def _constant(like: Tensor, value: npt.ArrayLike) -> Tensor:
    return constant(like.name, value, like.dtype)


_RULES: dict[str, Rule] = {
    "BROADCAST_TO": _by_axis_values,
    "CONCATENATION": _concatenation,
    "GATHER": _gather,
    "MIRROR_PAD": _by_axis_values,
    "PAD": _by_axis_values,
    "PADV2": _by_axis_values,
    "REVERSE_V2": _reverse,
    "SLICE": _by_axis_values,
    "SOFTMAX": _softmax,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "STRIDED_SLICE": _strided_slice,
    "TILE": _by_axis_values,
}


def constant_before(tensor: Tensor, order: Order) -> Tensor:
    """Return a constant operand for the place before the transposition."""
    value = tensor.constant.reshape((1,) * (len(order) - tensor.constant.ndim) + tensor.shape)
    return constant(tensor.name, transposed(value, inverse(order)), tensor.dtype)
