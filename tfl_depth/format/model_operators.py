"""The operators that a depth network may have, and the conditions on their options."""

from __future__ import annotations

from tfl_depth.format import flatbuffer_reader as tables

# Field numbers, for `flatbuffer_reader.read`.
_CODE_OLD, _CODE_CUSTOM_NAME, _CODE_NEW = 0, 1, 3
_OPTIONS_TYPE, _OPTIONS, _OTHER_OPTIONS_TYPE, _LARGE_OPTIONS = 3, 4, 11, 9

CUSTOM = "CUSTOM"
# What importers and converters make. No control flow, nothing that keeps a state, reads a table or
# asks for memory by the content of a picture.
OPERATORS = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE",
    8: "FLOOR",
    9: "FULLY_CONNECTED",
    11: "L2_NORMALIZATION",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    20: "RELU_N1_TO_1",
    21: "RELU6",
    22: "RESHAPE",
    23: "RESIZE_BILINEAR",
    25: "SOFTMAX",
    26: "SPACE_TO_DEPTH",
    28: "TANH",
    32: CUSTOM,
    34: "PAD",
    36: "GATHER",
    37: "BATCH_TO_SPACE_ND",
    38: "SPACE_TO_BATCH_ND",
    39: "TRANSPOSE",
    40: "MEAN",
    41: "SUB",
    42: "DIV",
    43: "SQUEEZE",
    45: "STRIDED_SLICE",
    47: "EXP",
    49: "SPLIT",
    50: "LOG_SOFTMAX",
    53: "CAST",
    54: "PRELU",
    55: "MAXIMUM",
    56: "ARG_MAX",
    57: "MINIMUM",
    58: "LESS",
    59: "NEG",
    60: "PADV2",
    61: "GREATER",
    62: "GREATER_EQUAL",
    63: "LESS_EQUAL",
    64: "SELECT",
    65: "SLICE",
    66: "SIN",
    67: "TRANSPOSE_CONV",
    69: "TILE",
    70: "EXPAND_DIMS",
    71: "EQUAL",
    72: "NOT_EQUAL",
    73: "LOG",
    74: "SUM",
    75: "SQRT",
    76: "RSQRT",
    77: "SHAPE",
    78: "POW",
    81: "REDUCE_PROD",
    82: "REDUCE_MAX",
    83: "PACK",
    84: "LOGICAL_OR",
    86: "LOGICAL_AND",
    87: "LOGICAL_NOT",
    88: "UNPACK",
    89: "REDUCE_MIN",
    90: "FLOOR_DIV",
    92: "SQUARE",
    95: "FLOOR_MOD",
    97: "RESIZE_NEAREST_NEIGHBOR",
    98: "LEAKY_RELU",
    99: "SQUARED_DIFFERENCE",
    100: "MIRROR_PAD",
    101: "ABS",
    102: "SPLIT_V",
    104: "CEIL",
    105: "REVERSE_V2",
    107: "GATHER_ND",
    108: "COS",
    111: "ELU",
    114: "QUANTIZE",
    116: "ROUND",
    117: "HARD_SWISH",
    123: "SELECT_V2",
    126: "BATCH_MATMUL",
    128: "CUMSUM",
    130: "BROADCAST_TO",
    150: "GELU",
    152: "RELU_0_TO_1",
    158: "SIGN",
}
# The index of the bias, an optional input.
BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
# Codes below this are in the old field too. This code means: read the new field.
_PLACEHOLDER = 127
# Custom operators in interpreter packages. All others are for an NPU and need its delegate.
_OWN_CUSTOM = ("AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess")
# TensorFlow's own operators. Some of them read and write files.
_FLEX = "Flex"

# Type of the options of an operator, and the fields of these that count pixels, from 1 on, with
# their defaults.
_COUNTS = {
    "CONV_2D": (1, {1: 0, 2: 0, 4: 1, 5: 1}),
    "DEPTHWISE_CONV_2D": (2, {1: 0, 2: 0, 5: 1, 6: 1}),
    "AVERAGE_POOL_2D": (5, {1: 0, 2: 0, 3: 0, 4: 0}),
    "MAX_POOL_2D": (5, {1: 0, 2: 0, 3: 0, 4: 0}),
    "TRANSPOSE_CONV": (49, {1: 0, 2: 0}),
    "SPACE_TO_DEPTH": (19, {0: 0}),
    "DEPTH_TO_SPACE": (94, {0: 0}),
    "SPLIT": (35, {0: 0}),
    "SPLIT_V": (79, {0: 0}),
    "PACK": (59, {0: 0}),
    "UNPACK": (64, {0: 0}),
}
_MAX_COUNT = 2**15
# Options that hold a list, by their type: the list's field.
_LISTS = {17: 0, 30: 0}


def operator_name(code: tables.Table) -> str:
    """The name of an operator code; "?" and the name if converters do not write it."""
    old = tables.scalar(code, _CODE_OLD, "b")
    kind = tables.scalar(code, _CODE_NEW, "i")
    # LiteRT's compiler plugins write 0 in the old field of a CUSTOM. Readers use the larger field.
    is_plugins = old == 0 and OPERATORS.get(kind) == CUSTOM
    if old < 0 or (old < _PLACEHOLDER and kind not in (0, old) and not is_plugins):
        return f"?{old} and {kind} at once"
    kind = max(old, kind)
    custom = tables.text(code, _CODE_CUSTOM_NAME)
    if OPERATORS.get(kind) == CUSTOM:
        known = custom in _OWN_CUSTOM or custom.startswith(_FLEX) or not custom
        return f"?{custom!r}" if known else CUSTOM
    return OPERATORS.get(kind, f"?{kind}")


def check_options(operator: tables.Table, name: str) -> str | None:
    """The condition that an operator's options violate, or None."""
    if name == CUSTOM:
        return None  # for its delegate to read
    kind = tables.scalar(operator, _OPTIONS_TYPE, "B")
    if tables.scalar(operator, _OTHER_OPTIONS_TYPE, "B"):
        return "options of the second kind"
    if tables.scalar(operator, _LARGE_OPTIONS, "Q"):
        return "options behind the file's tables"
    options = tables.child(operator, _OPTIONS)
    if options is not None and kind in _LISTS:
        tables.array(options, _LISTS[kind], "<i4")
    if name not in _COUNTS:
        return None
    expected, fields = _COUNTS[name]
    if options is None or kind != expected:
        return "no options of its kind"
    counts = [tables.scalar(options, field, "i", least) for field, least in fields.items()]
    wrong = [count for count in counts if not 0 < count <= _MAX_COUNT]
    return f"a stride, size or count of {wrong[0]}" if wrong else None
