"""The sign of a tensor, as far as its operators define it."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.fusion import fused_activation
from tfl_depth.converters.graph.graph import Operator, Tensor
from tfl_depth.converters.graph.operator_kinds import MOVING, kinds
from tfl_depth.converters.graph.rewrites.links import Links

_POSITIVE = frozenset({"EXP", "RSQRT"})
_NOT_NEGATIVE = kinds("ABS LOGISTIC RELU RELU6 RELU_0_TO_1 SOFTMAX SQRT SQUARE SQUARED_DIFFERENCE")
_KEEPING = frozenset({"MEAN", "REDUCE_MAX", "REDUCE_MIN", "SQRT", "SUM"}) | MOVING
# Without padding with zeros, and without concatenations.
_DEEP = 12


def is_positive(links: Links, tensor: Tensor, depth: int = _DEEP) -> bool:
    """Whether all elements of a tensor are certainly above zero."""
    if tensor.is_constant:
        return bool(np.all(tensor.constant > 0))
    operator = links.producer(tensor)
    if operator is None or depth == 0:
        return False
    if operator.kind in _POSITIVE:
        return True
    if operator.kind == "ADD":
        a, b = operator.input(0), operator.input(1)
        one_is = is_positive(links, a, depth - 1) or is_positive(links, b, depth - 1)
        return one_is and _none_negative(links, (a, b), depth)
    if operator.kind == "MAXIMUM":
        sides = operator.input(0), operator.input(1)
        return any(is_positive(links, side, depth - 1) for side in sides)
    if operator.kind in ("MUL", "DIV"):
        sides = operator.input(0), operator.input(1)
        return all(is_positive(links, side, depth - 1) for side in sides)
    return operator.kind in _KEEPING and _all_data(links, operator, depth, is_positive)


def is_not_negative(links: Links, tensor: Tensor, depth: int = _DEEP) -> bool:
    """Whether all elements of a tensor are certainly zero or above."""
    if tensor.is_constant:
        return bool(np.all(tensor.constant >= 0))
    operator = links.producer(tensor)
    if operator is None or depth == 0:
        return False
    if (fused_activation(operator) or operator.kind) in _NOT_NEGATIVE | _POSITIVE:
        return True
    sides = [t for t in operator.inputs if t is not None]
    if operator.kind == "MUL" and sides[0] is sides[1]:
        return True
    if operator.kind in ("ADD", "DIV", "MUL"):
        return _none_negative(links, sides, depth)
    if operator.kind == "MAXIMUM":
        return any(is_not_negative(links, side, depth - 1) for side in sides)
    keeps = operator.kind in _KEEPING or operator.kind in ("PAD", "MAX_POOL_2D", "AVERAGE_POOL_2D")
    return keeps and _all_data(links, operator, depth, is_not_negative)


def _none_negative(links: Links, tensors: object, depth: int) -> bool:
    return all(is_not_negative(links, tensor, depth - 1) for tensor in tensors)  # type: ignore[attr-defined]


def _all_data(links: Links, operator: Operator, depth: int, test: object) -> bool:
    data = [t for t in operator.inputs if t is not None and t.dtype == np.float32]
    return bool(data) and all(test(links, tensor, depth - 1) for tensor in data)  # type: ignore[operator]
