"""Requirements of TensorFlow Lite's integer kernels for the scales of inputs and outputs.

Source: the kernels' own checks, and TensorFlow's quantization specification
(tensorflow.org/lite/performance/quantization_spec).
"""

from __future__ import annotations

# The output has the scale of this input, since the kernel only moves codes, or checks that the
# scales are equal.
SAME_SCALE = {
    "AVERAGE_POOL_2D": 0,
    "BATCH_TO_SPACE_ND": 0,
    "BROADCAST_TO": 0,
    "DEPTH_TO_SPACE": 0,
    "EXPAND_DIMS": 0,
    "GATHER": 0,
    "GATHER_ND": 0,
    "MAX_POOL_2D": 0,
    "MIRROR_PAD": 0,
    "PAD": 0,
    "REDUCE_MAX": 0,
    "REDUCE_MIN": 0,
    "RESHAPE": 0,
    "RESIZE_BILINEAR": 0,
    "RESIZE_NEAREST_NEIGHBOR": 0,
    "REVERSE_V2": 0,
    "SLICE": 0,
    "SPACE_TO_BATCH_ND": 0,
    "SPACE_TO_DEPTH": 0,
    "SPLIT": 1,
    "SPLIT_V": 0,
    "SQUEEZE": 0,
    "STRIDED_SLICE": 0,
    "TILE": 0,
    "TRANSPOSE": 0,
    "UNPACK": 0,
}

# All quantized inputs and the output have one scale.
TIED = frozenset({"CONCATENATION", "MAXIMUM", "MINIMUM", "PACK", "PADV2", "SELECT", "SELECT_V2"})

# (scale, zero point) of the output, for every range.
FIXED_INT8 = {
    "L2_NORMALIZATION": (1 / 128, 0),
    "LOGISTIC": (1 / 256, -128),
    "LOG_SOFTMAX": (16 / 256, 127),
    "SOFTMAX": (1 / 256, -128),
    "TANH": (1 / 128, 0),
}
FIXED_INT16 = {
    "LOGISTIC": (1 / 32768, 0),
    "SOFTMAX": (1 / 32768, 0),
    "TANH": (1 / 32768, 0),
}

# Other operators with a built-in integer kernel.
COMPUTING = frozenset(
    {
        "ABS",
        "ADD",
        "BATCH_MATMUL",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "ELU",
        "EXP",
        "FULLY_CONNECTED",
        "GELU",
        "HARD_SWISH",
        "LEAKY_RELU",
        "LOG",
        "MEAN",
        "MUL",
        "PRELU",
        "QUANTIZE",
        "RELU",
        "RELU6",
        "RELU_0_TO_1",
        "RELU_N1_TO_1",
        "RSQRT",
        "SQRT",
        "SQUARED_DIFFERENCE",
        "SUB",
        "SUM",
        "TRANSPOSE_CONV",
    }
)

# Operators without a 16-bit kernel, or with a wrong one, as PRELU.
NOT_INT16 = frozenset(
    {
        "DEPTH_TO_SPACE",
        "ELU",
        "HARD_SWISH",
        "L2_NORMALIZATION",
        "LOG_SOFTMAX",
        "PRELU",
        "RELU_0_TO_1",
        "RELU_N1_TO_1",
        "SPACE_TO_DEPTH",
        "SQUARED_DIFFERENCE",
    }
)

# Kernels that support a scale for each output channel, in tflite-runtime 2.14 and on an Ethos-U.
# Exception: the reference kernel of 2.14 computes FULLY_CONNECTED of three dimensions wrongly. No
# board uses it.
PER_CHANNEL = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})

# The kernel's version for integers; 1 if not listed. Interpreters refuse unknown versions, so this
# is the lowest one with the type.
_VERSIONS_INT8 = {
    "ABS": 2,
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "BATCH_MATMUL": 2,
    "BROADCAST_TO": 3,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEPTH_TO_SPACE": 2,
    "EXP": 2,
    "FULLY_CONNECTED": 4,
    "GATHER": 2,
    "L2_NORMALIZATION": 2,
    "LEAKY_RELU": 2,
    "LOG": 2,
    "LOGISTIC": 2,
    "LOG_SOFTMAX": 2,
    "MAXIMUM": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MINIMUM": 2,
    "MIRROR_PAD": 2,
    "MUL": 2,
    "PACK": 2,
    "PAD": 2,
    "PADV2": 2,
    "QUANTIZE": 2,
    "REDUCE_MAX": 2,
    "REDUCE_MIN": 2,
    "RELU": 2,
    "RELU6": 2,
    "RESIZE_BILINEAR": 2,
    "RESIZE_NEAREST_NEIGHBOR": 2,
    "RSQRT": 2,
    "SLICE": 2,
    "SOFTMAX": 2,
    "SPACE_TO_BATCH_ND": 2,
    "BATCH_TO_SPACE_ND": 2,
    "SPACE_TO_DEPTH": 2,
    "SPLIT": 2,
    "SPLIT_V": 2,
    "SQRT": 2,
    "SQUARED_DIFFERENCE": 2,
    "STRIDED_SLICE": 2,
    "SUB": 2,
    "SUM": 2,
    "TANH": 2,
    "TILE": 2,
    "TRANSPOSE": 2,
    "TRANSPOSE_CONV": 3,
    "UNPACK": 2,
}
_VERSIONS_INT16 = {
    **_VERSIONS_INT8,
    "ADD": 4,
    "AVERAGE_POOL_2D": 3,
    "BATCH_MATMUL": 3,
    "CONCATENATION": 3,
    "CONV_2D": 4,
    "DEPTHWISE_CONV_2D": 5,
    "FULLY_CONNECTED": 7,
    "LOGISTIC": 3,
    "MAX_POOL_2D": 3,
    "MEAN": 3,
    "MUL": 4,
    "PACK": 3,
    "PAD": 3,
    "RESIZE_BILINEAR": 4,
    "RESIZE_NEAREST_NEIGHBOR": 4,
    "SOFTMAX": 3,
    "SPLIT": 4,
    "STRIDED_SLICE": 4,
    "SUB": 5,
    "TANH": 3,
    "TRANSPOSE": 5,
    "TRANSPOSE_CONV": 4,
    "QUANTIZE": 3,
    "RSQRT": 3,
}


def version(kind: str, bits: int) -> int:
    """Return the version of an operator's kernel for 8-bit or 16-bit codes."""
    return (_VERSIONS_INT8 if bits == 8 else _VERSIONS_INT16).get(kind, 1)


def unsupported(kinds: set[str], bits: int = 8) -> list[str]:
    """Return the operators among `kinds` without a kernel for 8-bit or 16-bit codes."""
    known = COMPUTING | TIED | set(SAME_SCALE) | set(FIXED_INT8)
    return sorted(kinds - (known if bits == 8 else known - NOT_INT16))
