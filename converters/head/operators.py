"""What operators do behind a head: compute each pixel by itself, move pixels, or resize."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Operator, Tensor

# Each element of the result depends on one element of each input.
_POINTWISE = """
    ABS ADD ADD_N CAST CEIL COS DIV ELU EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD GELU GREATER
    GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR
    LOGISTIC MAXIMUM MINIMUM MUL NEG NOT_EQUAL POW PRELU RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND
    RSQRT SELECT SELECT_V2 SIGN SIN SQRT SQUARE SQUARED_DIFFERENCE SUB TANH ZEROS_LIKE
"""
POINTWISE = frozenset(_POINTWISE.split())
RESIZES = frozenset({"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"})
# Kinds that may do no more than move elements, which `moved_from` finds out.
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


def map_size(tensor: Tensor) -> tuple[int, int] | None:
    """(height, width) of a tensor that is one map, whatever its other dimensions; else None."""
    sides = [side for side in tensor.shape if side != 1]
    if len(tensor.shape) == 4 and tensor.shape[-1] == 1:
        sides = list(tensor.shape[1:3]) if tensor.shape[0] == 1 else []
    return (sides[0], sides[1]) if len(sides) == 2 else None


def moved_from(operator: Operator, output: Tensor) -> npt.NDArray[np.int64] | None:
    """Which element of the input each element of an output is.

    The operator is run on numbers that tell, and once more on random ones.

    Returns:
        Places in the flat input, one for each element of the flat output; None where the operator
        does anything but move elements of one input.
    """
    inputs = computed_inputs(operator)
    if operator.kind not in _MOVERS.split() or len(inputs) != 1:
        return None
    (source,) = inputs
    run = GraphRunner(Graph({"from": source}, {"to": output}, [operator]))
    numbers = np.arange(1, size(source) + 1, dtype=source.dtype)
    places = run({source: numbers.reshape(source.shape)})[output].ravel()
    if np.any(places != np.rint(places)) or places.min() < 1 or places.max() > numbers.size:
        return None
    found = places.astype(np.int64) - 1
    random = np.random.default_rng(0).normal(size=numbers.size).astype(source.dtype)
    moved = run({source: random.reshape(source.shape)})[output].ravel()
    return found if np.array_equal(moved, random[found]) else None


def keeps_order(places: npt.NDArray[np.int64], elements: int) -> bool:
    """Whether elements from `moved_from` are all of them, in their order."""
    return np.array_equal(places, np.arange(elements))
