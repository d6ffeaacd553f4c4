"""Operators that do no more than move elements of a tensor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.run import GraphRunner

# Kinds that may do so; whether one does, its numbers tell.
_MOVERS = """
    BATCH_TO_SPACE_ND BROADCAST_TO CONCATENATION DEPTH_TO_SPACE EXPAND_DIMS GATHER GATHER_ND MEAN
    MIRROR_PAD PACK REDUCE_MAX REDUCE_MIN RESHAPE REVERSE_V2 SLICE SPACE_TO_BATCH_ND SPACE_TO_DEPTH
    SPLIT SPLIT_V SQUEEZE STRIDED_SLICE SUM TILE TRANSPOSE UNPACK
"""


def computed_inputs(operator: Operator) -> list[Tensor]:
    """The inputs that are no constants, each once."""
    found = (tensor for tensor in operator.inputs if tensor is not None and not tensor.is_constant)
    return list(dict.fromkeys(found))


def size(tensor: Tensor) -> int:
    """How many elements a tensor has."""
    return int(np.prod(tensor.shape, dtype=np.int64))


def moved_from(operator: Operator, output: Tensor) -> npt.NDArray[np.int64] | None:
    """Which element of the input each element of an output is.

    The operator is run on numbers that tell, and once more on random ones.

    Returns:
        Places in the flat input, one for each element of the flat output; None where the operator
        does anything but move elements of one input of real numbers.
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
