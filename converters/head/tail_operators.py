"""Groups of operators after a head: functions of each pixel, moves of pixels, and resizes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Tensor

# Each element of the result depends on one element of each input.
_POINTWISE = """
    ABS ADD ADD_N CAST CEIL COS DIV ELU EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD GELU GREATER
    GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR
    LOGISTIC MAXIMUM MINIMUM MUL NEG NOT_EQUAL POW PRELU RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND
    RSQRT SELECT SELECT_V2 SIGN SIN SQRT SQUARE SQUARED_DIFFERENCE SUB TANH ZEROS_LIKE
"""
POINTWISE = frozenset(_POINTWISE.split())
RESIZES = frozenset({"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"})


def map_size(tensor: Tensor) -> tuple[int, int] | None:
    """Return (height, width) of a tensor that is one map; None for others."""
    sides = [side for side in tensor.shape if side != 1]
    if len(tensor.shape) == 4 and tensor.shape[-1] == 1:
        sides = list(tensor.shape[1:3]) if tensor.shape[0] == 1 else []
    return (sides[0], sides[1]) if len(sides) == 2 else None


def keeps_order(places: npt.NDArray[np.int64], elements: int) -> bool:
    """Whether indices from `graph.movement` are all elements in the same order."""
    return np.array_equal(places, np.arange(elements))
