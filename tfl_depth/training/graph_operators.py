"""The operators of a float graph as differentiable functions of Keras, for any batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from keras import ops

from tfl_depth.converters.graph import Graph, Operator
from tfl_depth.errors import ConversionError

# Computes an operator's output from its inputs in order; an omitted input is None.
Compute = Callable[[Operator, Sequence[Any]], Any]

_ACTIVATIONS = {
    schema.ActivationFunctionType.RELU: ops.relu,
    schema.ActivationFunctionType.RELU6: ops.relu6,
    schema.ActivationFunctionType.RELU_N1_TO_1: lambda x: ops.clip(x, -1.0, 1.0),
    schema.ActivationFunctionType.TANH: ops.tanh,
}
_PADDINGS = {schema.Padding.SAME: "same", schema.Padding.VALID: "valid"}


def compute(operator: Operator, inputs: Sequence[Any]) -> Any:
    """Compute an operator's output, including its fused activation.

    Args:
        operator: of a kind that `refuse_unknown` accepts.
        inputs: tensors with the shapes of the graph, except the batch.
    """
    result = _OPERATORS[operator.kind](operator, inputs)
    kind = getattr(operator.options, "fusedActivationFunction", 0)
    return _ACTIVATIONS[kind](result) if kind else result


def refuse_unknown(graph: Graph) -> None:
    """Refuse a graph that cannot be trained.

    Raises:
        ConversionError: it has an operator that training does not support.
    """
    unknown = sorted({op.kind for op in graph.operators} - set(_OPERATORS))
    unknown += [op.kind for op in graph.operators if _moves_corners(op)]
    if unknown:
        raise ConversionError(f"training at int8 does not support the operator {unknown[0]}")


def _moves_corners(operator: Operator) -> bool:
    """Whether it resizes with other pixel centers than Keras."""
    if operator.kind not in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        return False
    return bool(operator.options.alignCorners) or not operator.options.halfPixelCenters


def _convolution(operator: Operator, inputs: Sequence[Any]) -> Any:
    # From (outputs, height, width, inputs).
    kernel = ops.transpose(inputs[1], (1, 2, 3, 0))
    return _biased(ops.conv(inputs[0], kernel, **_places(operator.options)), inputs)


def _depthwise(operator: Operator, inputs: Sequence[Any]) -> Any:
    _, height, width, outputs = inputs[1].shape
    channels = inputs[0].shape[-1]
    kernel = ops.reshape(inputs[1], (height, width, channels, outputs // channels))
    return _biased(ops.depthwise_conv(inputs[0], kernel, **_places(operator.options)), inputs)


def _places(made: Any) -> dict[str, Any]:
    return {
        "strides": (made.strideH, made.strideW),
        "padding": _PADDINGS[made.padding],
        "data_format": "channels_last",
        "dilation_rate": (made.dilationHFactor, made.dilationWFactor),
    }


def _dense(operator: Operator, inputs: Sequence[Any]) -> Any:
    result = ops.matmul(inputs[0], ops.transpose(inputs[1]))
    return _biased(ops.reshape(result, (-1, *operator.output.shape[1:])), inputs)


def _biased(result: Any, inputs: Sequence[Any]) -> Any:
    return result if len(inputs) < 3 or inputs[2] is None else result + inputs[2]


def _pool(function: Any) -> Compute:
    def pool(operator: Operator, inputs: Sequence[Any]) -> Any:
        made = operator.options
        return function(
            inputs[0],
            (made.filterHeight, made.filterWidth),
            (made.strideH, made.strideW),
            _PADDINGS[made.padding],
            data_format="channels_last",
        )

    return pool


def _resize(interpolation: Literal["bilinear", "nearest"]) -> Compute:
    def resize(operator: Operator, inputs: Sequence[Any]) -> Any:
        return ops.image.resize(
            inputs[0],
            operator.output.shape[1:3],
            interpolation=interpolation,
            data_format="channels_last",
        )

    return resize


def _mean(operator: Operator, inputs: Sequence[Any]) -> Any:
    axes = tuple(int(axis) for axis in np.ravel(operator.input(1).constant))
    return ops.mean(inputs[0], axes, keepdims=bool(operator.options.keepDims))


def _pad(operator: Operator, inputs: Sequence[Any]) -> Any:
    widths = [(int(before), int(after)) for before, after in operator.input(1).constant]
    return ops.pad(inputs[0], widths)


def _concatenation(operator: Operator, inputs: Sequence[Any]) -> Any:
    return ops.concatenate(list(inputs), axis=operator.options.axis)


def _reshape(operator: Operator, inputs: Sequence[Any]) -> Any:
    return ops.reshape(inputs[0], (-1, *operator.output.shape[1:]))


def _one(function: Callable[[Any], Any]) -> Compute:
    return lambda operator, inputs: function(inputs[0])


def _two(function: Callable[[Any, Any], Any]) -> Compute:
    return lambda operator, inputs: function(inputs[0], inputs[1])


_OPERATORS: dict[str, Compute] = {
    "ADD": _two(ops.add),
    "AVERAGE_POOL_2D": _pool(ops.average_pool),
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "HARD_SWISH": _one(lambda x: x * ops.relu6(x + 3.0) / 6.0),
    "LEAKY_RELU": lambda operator, inputs: ops.leaky_relu(inputs[0], operator.options.alpha),
    "LOGISTIC": _one(ops.sigmoid),
    "MAX_POOL_2D": _pool(ops.max_pool),
    "MEAN": _mean,
    "MUL": _two(ops.multiply),
    "PAD": _pad,
    "RELU": _one(ops.relu),
    "RELU6": _one(ops.relu6),
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize("bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"),
    "SUB": _two(ops.subtract),
    "TANH": _one(ops.tanh),
}
