"""Facts of a .tflite file: its inputs, outputs, parameters, MACs and operators."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from ai_edge_litert.schema_py_generated import TensorType
from ai_edge_litert.tools import flatbuffer_utils

from tfl_depth.converters.tflite_file import parse_tflite, text_of
from tfl_depth.errors import ModelFileError

# Operators whose second input is a kernel. Their MACs depend on the output, or on the third input.
_ON_OUTPUT = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D", "FULLY_CONNECTED")
_ON_THIRD_INPUT = ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE")
_WITH_KERNEL = _ON_OUTPUT + _ON_THIRD_INPUT
_FLOATS = (TensorType.FLOAT16, TensorType.FLOAT32)


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model. None in the shape means any size."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class TfliteFacts:
    """Facts of a .tflite file.

    Attributes:
        inputs, outputs: with their signature names if there is a signature.
        parameters: number of elements of float or quantized constants, after folding of batch
            normalization; None if unknown.
        macs: of one inference, as defined in `tfl_depth.evaluation.macs`; None if unknown: a
            compiler has packed operators into one, there are several graphs, or the input's size is
            open.
        operators: number of operators of each type, most frequent first.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    parameters: int | None
    macs: int | None
    operators: dict[str, int]


@dataclass(frozen=True)
class FileOperator:
    """The properties of an operator that delegates check.

    Attributes:
        kind: TensorFlow Lite's name of the operator.
        name: of its first output.
        source, result: types of its first input and its first output.
        weight_scales: of its kernel; empty without a quantized kernel.
        largest: the largest value of a quantized output; None for others.
        options: its attributes.
    """

    kind: str
    name: str
    source: str
    result: str
    weight_scales: tuple[float, ...]
    largest: float | None
    options: Any


def read_facts(model: bytes) -> TfliteFacts:
    """Read the graph of a .tflite file.

    Raises:
        ModelFileError: the file is damaged.
    """
    return parsed(model, _graph)


def read_operators(model: bytes) -> tuple[FileOperator, ...]:
    """Read the operators of a .tflite file, in execution order.

    Raises:
        ModelFileError: the file is damaged.
    """
    return parsed(model, _operators)


def read_facts_and_operators(model: bytes) -> tuple[TfliteFacts, tuple[FileOperator, ...]]:
    """Read the graph and the operators, and parse the file once.

    Raises:
        ModelFileError: the file is damaged.
    """
    return parsed(model, lambda tree: (_graph(tree), _operators(tree)))


_Read = TypeVar("_Read")


def parsed(model: bytes, read: Callable[[Any], _Read]) -> _Read:
    """Call `read` with the tree of a file (see `parse_tflite`).

    Raises:
        ModelFileError: the file is damaged.
    """
    try:
        return read(parse_tflite(model))
    except (struct.error, IndexError, ValueError, TypeError, AttributeError) as error:
        raise ModelFileError("The file is damaged or cut short: copy it again.") from error


def _operators(model: Any) -> tuple[FileOperator, ...]:
    tensors = model.subgraphs[0].tensors
    return tuple(_operator(model, made, tensors) for made in model.subgraphs[0].operators)


def _operator(model: Any, operator: Any, tensors: list[Any]) -> FileOperator:
    kind = operator_kind(model, operator)
    source, result = (tensors[ends[0]] for ends in (operator.inputs, operator.outputs))
    return FileOperator(
        kind=kind,
        name=text_of(result.name),
        source=type_name(source),
        result=type_name(result),
        weight_scales=_scales(tensors[operator.inputs[1]]) if kind in _WITH_KERNEL else (),
        largest=_largest(result),
        options=operator.builtinOptions,
    )


def type_name(tensor: Any) -> str:
    """Return a tensor's type, with numpy's name if there is one."""
    return str(flatbuffer_utils.type_to_name(tensor.type)).lower()


def _scales(tensor: Any) -> tuple[float, ...]:
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None:
        return ()
    return tuple(quantization.scale.tolist())


def _largest(tensor: Any) -> float | None:
    limits = {TensorType.INT8: 127, TensorType.UINT8: 255}
    if tensor.type not in limits or not _scales(tensor):
        return None
    quantization = tensor.quantization
    # In 32 bits, as delegates compare it.
    steps = np.float32(limits[tensor.type] - int(quantization.zeroPoint[0]))
    return float(steps * np.float32(quantization.scale[0]))


def _graph(model: Any) -> TfliteFacts:
    graph = model.subgraphs[0]
    names = [operator_kind(model, operator) for operator in graph.operators]
    inputs = _tensor_specs(model, "inputs")
    packed = len(model.subgraphs) > 1 or any(name.startswith("CUSTOM") for name in names)
    open_size = any(None in spec.shape[1:] for spec in inputs)
    macs = [
        macs_of(name, operator, graph.tensors)
        for name, operator in zip(names, graph.operators, strict=True)
    ]
    return TfliteFacts(
        inputs=inputs,
        outputs=_tensor_specs(model, "outputs"),
        parameters=None if packed else _parameters(model),
        macs=None if packed or open_size else sum(macs),
        operators=dict(Counter(names).most_common()),
    )


def operator_kind(model: Any, operator: Any) -> str:
    """Return TensorFlow Lite's name of an operator; for a custom one, its own name too."""
    name = str(flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex))
    custom = model.operatorCodes[operator.opcodeIndex].customCode
    return f"{name} {text_of(custom)}" if custom else name


def macs_of(name: str, operator: Any, tensors: list[Any]) -> int:
    """Count an operator's multiply-accumulates, as defined in `tfl_depth.evaluation.macs`."""
    if name not in _WITH_KERNEL:
        return 0
    laid_on = operator.outputs[0] if name in _ON_OUTPUT else operator.inputs[2]
    kernel = shape_of(tensors[operator.inputs[1]])
    return math.prod(kernel) * math.prod(shape_of(tensors[laid_on])[:-1])


def _tensor_specs(model: Any, side: str) -> tuple[TensorSpec, ...]:
    graph = model.subgraphs[0]
    if model.signatureDefs:
        named = [(spec.name, spec.tensorIndex) for spec in getattr(model.signatureDefs[0], side)]
    else:
        named = [(graph.tensors[index].name, index) for index in getattr(graph, side)]
    return tuple(_tensor_spec(name, graph.tensors[index]) for name, index in named)


def _tensor_spec(name: Any, tensor: Any) -> TensorSpec:
    # An open size is 1 in a shape, and -1 in a shape signature.
    signature = shape_of(tensor) if tensor.shapeSignature is None else tensor.shapeSignature
    shape = tuple(None if side < 0 else int(side) for side in signature)
    return TensorSpec(text_of(name), shape, type_name(tensor))


def _parameters(model: Any) -> int:
    # By buffer, since tensors may share one.
    sizes = {
        tensor.buffer: math.prod(shape_of(tensor))
        for tensor in model.subgraphs[0].tensors
        if has_data(model.buffers[tensor.buffer]) and _is_weight(tensor)
    }
    return sum(sizes.values())


def has_data(buffer: Any) -> bool:
    """Whether a buffer has data, so that its tensor is a constant."""
    return buffer.data is not None and len(buffer.data) > 0


def _is_weight(tensor: Any) -> bool:
    """Whether a constant is a weight. Integers that are not quantized are shapes and axes."""
    quantization = tensor.quantization
    return tensor.type in _FLOATS or (quantization is not None and quantization.scale is not None)


def shape_of(tensor: Any) -> tuple[int, ...]:
    """Return a tensor's shape. An open size is 1."""
    return () if tensor.shape is None else tuple(int(side) for side in tensor.shape)
