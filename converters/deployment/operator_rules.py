"""Rules for the operators that a delegate takes, for targets without a compiler on this machine.

The rules are from a delegate's source or documentation. A driver may still refuse an operator,
which only a test on the board shows. Operators that are not in a table are unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tfl_depth.converters.deployment.placement import (
    CPU,
    GPU,
    NPU,
    UNKNOWN,
    Place,
    PlacedOperator,
)
from tfl_depth.converters.tflite_facts import FileOperator
from tfl_depth.targets import RuleTable

_BYTES = ("int8", "uint8")


@dataclass(frozen=True)
class OpSupport:
    """Where an operator runs, the reason, and what to change."""

    place: Place
    reason: str = ""
    hint: str = ""


Rule = Callable[[FileOperator], OpSupport]


def placed_by(rules: RuleTable, operators: tuple[FileOperator, ...]) -> tuple[PlacedOperator, ...]:
    """Place each operator by a table of `RULES`."""
    return tuple(_placed(operator, RULES[rules](operator)) for operator in operators)


def _placed(operator: FileOperator, support: OpSupport) -> PlacedOperator:
    return PlacedOperator(operator.kind, operator.name, support.place, support.reason, support.hint)


# The first feature level at which TensorFlow Lite's delegate passes an int8 operator to
# NNAPI, from `NNAPIDelegateKernel::Validate` in tensorflow/lite/delegates/nnapi/nnapi_delegate.cc
# (its NNAPI 1.0, 1.1, 1.2 and 1.3 are the feature levels 1 to 4).
_NNAPI_LEVELS = {
    "ADD": 1,
    "ARG_MAX": 3,
    "ARG_MIN": 3,
    "AVERAGE_POOL_2D": 1,
    "CONCATENATION": 1,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEPTH_TO_SPACE": 1,
    "DEQUANTIZE": 4,
    "EXPAND_DIMS": 3,
    "FULLY_CONNECTED": 3,
    "HARD_SWISH": 1,
    "LEAKY_RELU": 3,
    "LOGISTIC": 1,
    "MAXIMUM": 3,
    "MAX_POOL_2D": 1,
    "MEAN": 3,
    "MINIMUM": 3,
    "MUL": 1,
    "PAD": 3,
    "PADV2": 3,
    "PRELU": 3,
    "QUANTIZE": 4,
    "REDUCE_MAX": 3,
    "REDUCE_MIN": 3,
    "RELU": 1,
    "RELU6": 1,
    "RESHAPE": 1,
    "RESIZE_BILINEAR": 3,
    "RESIZE_NEAREST_NEIGHBOR": 3,
    "SLICE": 3,
    "SOFTMAX": 1,
    "SPACE_TO_DEPTH": 1,
    "SPLIT": 4,
    "SQUEEZE": 2,
    "STRIDED_SLICE": 2,
    "SUB": 3,
    "TANH": 3,
    "TILE": 3,
    "TRANSPOSE": 2,
    "TRANSPOSE_CONV": 3,
}
# Of https://developer.android.com/ndk/guides/neuralnetworks: feature levels are Android releases.
_ANDROID = {1: "8.1", 2: "9", 3: "10", 4: "11"}


def _nnapi(operator: FileOperator) -> OpSupport:
    level = _NNAPI_LEVELS.get(operator.kind)
    if level is None:
        return OpSupport(UNKNOWN, "not in this table of the delegate's int8 operators")
    if operator.source not in (*_BYTES, "float32") or operator.result not in (*_BYTES, "float32"):
        return OpSupport(
            CPU, f"takes int8, uint8 and float32, not {operator.source}", "convert with --int8"
        )
    if getattr(operator.options, "halfPixelCenters", False):
        level = 4
    return OpSupport(NPU, f"from NNAPI feature level {level} (Android {_ANDROID[level]}) on")


# `fill_operation` and `fused_relu6_supported` in Mesa's src/gallium/frontends/teflon/tfl_device.c.
_TEFLON = (
    *("ABS", "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D"),
    *("FULLY_CONNECTED", "LOGISTIC", "MAX_POOL_2D", "PAD", "RELU", "RESHAPE", "SPLIT"),
    *("STRIDED_SLICE", "SUB", "TRANSPOSE"),
)
_RELU6 = 3  # ActivationFunctionType in TensorFlow Lite's schema.fbs


def _teflon(operator: FileOperator) -> OpSupport:
    if operator.kind not in _TEFLON:
        return OpSupport(CPU, "Teflon has no such operator", f"use {', '.join(_TEFLON)}")
    if operator.result not in _BYTES:
        return OpSupport(CPU, f"takes int8 and uint8, not {operator.result}", "convert with --int8")
    # Equal scales count as one.
    if len(set(operator.weight_scales)) > 1:
        return OpSupport(
            UNKNOWN, "per-channel weights: depends on Mesa's driver", "convert with --target teflon"
        )
    relu6 = getattr(operator.options, "fusedActivationFunction", 0) == _RELU6
    if relu6 and operator.largest is not None and operator.largest > 6:
        return OpSupport(
            CPU,
            f"ReLU6 on a range that ends at {operator.largest:.7g}: it is only fused up to 6",
            "calibrate with other images, or use ReLU",
        )
    return OpSupport(NPU)


# https://android.googlesource.com/platform/external/armnn/+/7435eccdf/delegate/TensorFlowLiteDelegateSupport.md
_ARMNN = (
    *("ABS", "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D"),
    *("DEQUANTIZE", "DIV", "EQUAL", "EXP", "FULLY_CONNECTED", "GREATER", "GREATER_OR_EQUAL"),
    *("LESS", "LESS_OR_EQUAL", "LOGISTIC", "LOG_SOFTMAX", "L2_POOL_2D", "MAXIMUM"),
    *("MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "NEG", "NOT_EQUAL", "QUANTIZE", "RESHAPE"),
    *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RELU", "RELU6", "RSQRT", "SOFTMAX"),
    *("SQRT", "SUB", "TANH", "TRANSPOSE", "TRANSPOSE_CONV"),
)


def _armnn(operator: FileOperator) -> OpSupport:
    if operator.kind in _ARMNN:
        return OpSupport(NPU, "by Arm NN's list; its backend may still refuse it")
    return OpSupport(CPU, "not in the list of Arm NN's delegate", "use another operator")


# From https://coral.ai/docs/edgetpu/models-intro/#supported-operations. Resizing operators "may not
# be mapped to the Edge TPU to avoid loss in precision".
_CORAL = (
    *("ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D"),
    *("FULLY_CONNECTED", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PAD"),
    *("QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "SUB", "TANH"),
)
_CORAL_RESIZES = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")


def _coral(operator: FileOperator) -> OpSupport:
    if operator.kind in _CORAL_RESIZES:
        return OpSupport(UNKNOWN, "depends on its size: see the compiler's table of operators")
    if operator.kind not in _CORAL:
        return OpSupport(UNKNOWN, "see the compiler's table of operators")
    if operator.result not in _BYTES:
        return OpSupport(CPU, f"takes int8 and uint8, not {operator.result}", "convert with --int8")
    return OpSupport(NPU, "by Coral's list, up to the first operator that is not on it")


def _stm32mp2(operator: FileOperator) -> OpSupport:
    if len(operator.weight_scales) > 1:
        return OpSupport(GPU, "per-channel weights", "convert with --target stm32mp2")
    return OpSupport(UNKNOWN, "ST's compiler decides")


RULES: dict[RuleTable, Rule] = {
    "armnn": _armnn,
    "coral": _coral,
    "nnapi": _nnapi,
    "stm32mp2": _stm32mp2,
    "teflon": _teflon,
}
