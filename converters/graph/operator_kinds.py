"""Groups of TensorFlow Lite's operators, by what they do with elements."""

from __future__ import annotations


def kinds(names: str) -> frozenset[str]:
    """Make a set of kinds from names separated by spaces."""
    return frozenset(names.split())


# Each element of the result depends on the element of the only input at the same place.
UNARY = kinds(
    "ABS CAST CEIL COS ELU EXP FLOOR GELU HARD_SWISH LEAKY_RELU LOG LOGICAL_NOT LOGISTIC NEG RELU "
    "RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT SQUARE TANH"
)
# The same for two or three broadcast inputs.
BINARY = kinds(
    "ADD DIV EQUAL FLOOR_DIV FLOOR_MOD GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND "
    "LOGICAL_OR MAXIMUM MINIMUM MUL NOT_EQUAL POW PRELU SELECT SELECT_V2 SQUARED_DIFFERENCE SUB"
)
POINTWISE = UNARY | BINARY

# Each element of the result is an element of the input.
MOVING = kinds(
    "BATCH_TO_SPACE_ND BROADCAST_TO CONCATENATION DEPTH_TO_SPACE EXPAND_DIMS GATHER GATHER_ND "
    "MIRROR_PAD PACK RESHAPE RESIZE_NEAREST_NEIGHBOR REVERSE_V2 SLICE SPACE_TO_BATCH_ND "
    "SPACE_TO_DEPTH SPLIT SPLIT_V SQUEEZE STRIDED_SLICE TILE TRANSPOSE UNPACK"
)
# The ones that keep the order of elements, and only change the shape.
SHAPING = kinds("EXPAND_DIMS RESHAPE SQUEEZE")

REDUCTIONS = kinds("MEAN REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM")
