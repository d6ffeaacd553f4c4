"""Removes operators that change nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfl_depth.converters.graph.fusion import fused_activation
from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.maker import bypass

# Lower and upper limits of activations' results.
_CLAMPS = {
    "RELU": (0.0, np.inf),
    "RELU6": (0.0, 6.0),
    "RELU_0_TO_1": (0.0, 1.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
_ENDS = {**_CLAMPS, "LOGISTIC": (0.0, 1.0), "SOFTMAX": (0.0, 1.0), "TANH": (-1.0, 1.0)}


def drop_identities(graph: Graph) -> int:
    """Remove operators whose result is their input."""
    count = 0
    links = Links(graph)
    for operator in list(graph.operators):
        source = _unchanged(operator, links)
        if source is not None and bypass(graph, operator, source):
            count += 1
            links.refresh()
    return count


def _unchanged(operator: Operator, links: Links) -> Tensor | None:
    """Return the input that equals an operator's result, or None."""
    if len(operator.outputs) != 1 or fused_activation(operator):
        return None
    source = _neutral(operator)
    if source is None and operator.kind in _CLAMPS:
        source = _clamped(operator, links)
    if source is None or source.is_constant:
        return None
    same = source.shape == operator.output.shape and source.dtype == operator.output.dtype
    return source if same else None


def _neutral(operator: Operator) -> Tensor | None:
    if operator.kind in _BY_SHAPE:
        return operator.input(_BY_SHAPE[operator.kind])
    if operator.kind in _NEUTRAL:
        return _beside_neutral(operator, _NEUTRAL[operator.kind])
    test = _TESTS.get(operator.kind)
    return operator.input(0) if test is not None and test(operator) else None


# Operators that change nothing if they keep the shape, and the index of their data.
_BY_SHAPE = {
    "BROADCAST_TO": 0,
    "CAST": 0,
    "EXPAND_DIMS": 0,
    "RESHAPE": 0,
    "SLICE": 0,
    "SPLIT": 1,
    "SPLIT_V": 0,
    "SQUEEZE": 0,
    "TILE": 0,
}
# The neutral number of an operator, and the inputs at which it may be.
_NEUTRAL = {
    "ADD": (0.0, (0, 1)),
    "DIV": (1.0, (1,)),
    "MUL": (1.0, (0, 1)),
    "POW": (1.0, (1,)),
    "SUB": (0.0, (1,)),
}


def _beside_neutral(operator: Operator, neutral: tuple[float, tuple[int, ...]]) -> Tensor | None:
    number, places = neutral
    for place in places:
        tensor = operator.input(place)
        if tensor.is_constant and np.all(tensor.constant == number):
            return operator.input(1 - place)
    return None


def _keeps_order(operator: Operator) -> bool:
    order = operator.input(1)
    return order.is_constant and np.array_equal(order.constant, np.arange(order.constant.size))


def _pads_nothing(operator: Operator) -> bool:
    return operator.input(1).is_constant and not operator.input(1).constant.any()


def _has_one_input(operator: Operator) -> bool:
    return len(operator.inputs) == 1


def _takes_all(operator: Operator) -> bool:
    """Whether a slice has the input's shape and steps of one; steps of -1 would reverse it."""
    steps = operator.input(3)
    return steps.is_constant and bool(np.all(steps.constant == 1))


def _keeps_size(operator: Operator) -> bool:
    return operator.input(0).shape == operator.output.shape


def _pools_nothing(operator: Operator) -> bool:
    pool = operator.options
    return (pool.filterHeight, pool.filterWidth, pool.strideH, pool.strideW) == (1, 1, 1, 1)


_TESTS: dict[str, Callable[[Operator], bool]] = {
    "AVERAGE_POOL_2D": _pools_nothing,
    "CONCATENATION": _has_one_input,
    "MAX_POOL_2D": _pools_nothing,
    "MIRROR_PAD": _pads_nothing,
    "PAD": _pads_nothing,
    "PADV2": _pads_nothing,
    "RESIZE_BILINEAR": _keeps_size,
    "RESIZE_NEAREST_NEIGHBOR": _keeps_size,
    "STRIDED_SLICE": _takes_all,
    "TRANSPOSE": _keeps_order,
}


def _clamped(operator: Operator, links: Links) -> Tensor | None:
    """Return the input of a clamp if its values are inside the limits already."""
    source = operator.input(0)
    producer = links.producer(source)
    ends = None if producer is None else _ends(producer)
    if ends is None:
        return None
    low, high = _CLAMPS[operator.kind]
    return source if low <= ends[0] and ends[1] <= high else None


def _ends(producer: Operator) -> tuple[float, float] | None:
    return _ENDS.get(fused_activation(producer) or producer.kind)
