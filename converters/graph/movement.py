"""Operators that only move elements of a tensor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.run import GraphRunner

# Kinds that can do so. A run on test numbers shows whether an operator does.
_MOVERS = """
    BATCH_TO_SPACE_ND BROADCAST_TO CONCATENATION DEPTH_TO_SPACE EXPAND_DIMS GATHER GATHER_ND MEAN
    MIRROR_PAD PACK REDUCE_MAX REDUCE_MIN RESHAPE REVERSE_V2 SLICE SPACE_TO_BATCH_ND SPACE_TO_DEPTH
    SPLIT SPLIT_V SQUEEZE STRIDED_SLICE SUM TILE TRANSPOSE UNPACK
"""


def computed_inputs(operator: Operator) -> list[Tensor]:
    """Return the inputs that are not constants, each once."""
    found = (tensor for tensor in operator.inputs if tensor is not None and not tensor.is_constant)
    return list(dict.fromkeys(found))


def size(tensor: Tensor) -> int:
    """Return the number of elements."""
    return int(np.prod(tensor.shape, dtype=np.int64))


def moved_from(operator: Operator, output: Tensor) -> npt.NDArray[np.int64] | None:
    """Find the element of the input that each element of an output is.

    The operator runs on unique numbers, and again on random ones.

    Returns:
        Indices in the flat input, one for each element of the flat output; None if the operator
        does anything other than move elements of one float input.
    """
    inputs = computed_inputs(operator)
    if operator.kind not in _MOVERS.split() or len(inputs) != 1 or inputs[0].dtype != np.float32:
        return None
    (source,) = inputs
    run = GraphRunner(Graph({"from": source}, {"to": output}, [operator]))
    numbers = np.arange(1, size(source) + 1, dtype=np.float32)
    places = run({source: numbers.reshape(source.shape)})[output].ravel()
    if np.any(places != np.rint(places)) or places.min() < 1 or places.max() > numbers.size:
        return None
    found = places.astype(np.int64) - 1
    random = np.random.default_rng(0).normal(size=numbers.size).astype(np.float32)
    moved = run({source: random.reshape(source.shape)})[output].ravel()
    return found if np.array_equal(moved, random[found]) else None
