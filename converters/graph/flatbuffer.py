"""Reads and writes graphs as .tflite files."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.graph.graph import Graph, Operator, Quantization, Tensor
from tfl_depth.converters.tflite_file import parse_tflite, serialize_tflite, text_of
from tfl_depth.errors import ConversionError

SIGNATURE = "serving_default"

_DTYPES: dict[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype(np.float32),
    schema.TensorType.FLOAT16: np.dtype(np.float16),
    schema.TensorType.FLOAT64: np.dtype(np.float64),
    schema.TensorType.INT8: np.dtype(np.int8),
    schema.TensorType.UINT8: np.dtype(np.uint8),
    schema.TensorType.INT16: np.dtype(np.int16),
    schema.TensorType.UINT16: np.dtype(np.uint16),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.UINT32: np.dtype(np.uint32),
    schema.TensorType.INT64: np.dtype(np.int64),
    schema.TensorType.BOOL: np.dtype(np.bool_),
}
_TYPES = {dtype: number for number, dtype in _DTYPES.items()}
KINDS = {number: name for name, number in vars(schema.BuiltinOperator).items() if name[0] != "_"}
_CODES = {name: number for number, name in KINDS.items()}
_OPTIONS = {name: number for name, number in vars(schema.BuiltinOptions).items() if name[0] != "_"}
# The schema's operator field before version 3b is one byte.
_PLACEHOLDER = schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES


def options(name: str, **values: Any) -> Any:
    """Make an options object of the schema.

    Args:
        name: of the schema's table, such as "Conv2DOptions".
        values: of its fields, such as strideH=2.
    """
    made = getattr(schema, f"{name}T")()
    for field, value in values.items():
        if not hasattr(made, field):
            raise AttributeError(f"{name} has no field {field}.")
        setattr(made, field, value)
    return made


def read_graph(model: bytes) -> Graph:
    """Read a .tflite file of one subgraph with static shapes.

    Raises:
        ConversionError: it has several subgraphs, custom operators or unsupported types. The
            caller has checked that it is a .tflite file.
    """
    parsed = parse_tflite(model)
    if len(parsed.subgraphs) != 1:
        raise ConversionError(
            f"Expected a network without control flow, got one of {len(parsed.subgraphs)} "
            "subgraphs: export it without loops and conditions."
        )
    subgraph = parsed.subgraphs[0]
    tensors = [_tensor(parsed, tensor, place) for place, tensor in enumerate(subgraph.tensors)]
    operators = [_operator(parsed, tensors, operator) for operator in subgraph.operators or []]
    inputs, outputs = _signature(parsed, subgraph, tensors)
    return Graph(inputs, outputs, operators)


def _tensor(parsed: Any, tensor: Any, place: int) -> Tensor:
    if tensor.type not in _DTYPES:
        raise ConversionError(f"Tensor {text_of(tensor.name)} has a type that is not supported.")
    dtype = _DTYPES[tensor.type]
    shape = tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()
    data = _data(parsed.buffers[tensor.buffer].data, shape, dtype)
    name = text_of(tensor.name) or f"tensor_{place}"
    return Tensor(name, shape, dtype, data, _quantization(tensor.quantization))


def _data(raw: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any] | None:
    empty = raw is None or len(raw) == 0
    # A tensor without data is computed, unless it has no elements.
    if empty and 0 not in shape:
        return None
    content = b"" if empty else np.asarray(raw, np.uint8).tobytes()
    return np.frombuffer(content, dtype).reshape(shape)


def _quantization(found: Any) -> Quantization | None:
    if found is None or found.scale is None or len(found.scale) == 0:
        return None
    zero_points = found.zeroPoint if found.zeroPoint is not None else np.zeros(len(found.scale))
    return Quantization(
        tuple(float(scale) for scale in found.scale),
        tuple(int(point) for point in zero_points),
        int(found.quantizedDimension),
    )


def _operator(parsed: Any, tensors: list[Tensor], operator: Any) -> Operator:
    code = parsed.operatorCodes[operator.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        raise ConversionError(
            f"The network has the custom operator {text_of(code.customCode)}, which no NPU and no "
            "stock interpreter runs: export it from built-in operators."
        )
    return Operator(
        KINDS[number],
        [tensors[i] if i >= 0 else None for i in map(int, operator.inputs)],
        [tensors[int(i)] for i in operator.outputs],
        operator.builtinOptions,
        int(code.version),
    )


def _signature(
    parsed: Any, subgraph: Any, tensors: list[Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return inputs and outputs by their names in the first signature, or by tensor names."""
    if parsed.signatureDefs:
        first = parsed.signatureDefs[0]
        return tuple(  # type: ignore[return-value]
            {text_of(entry.name): tensors[entry.tensorIndex] for entry in entries}
            for entries in (first.inputs, first.outputs)
        )
    return tuple(  # type: ignore[return-value]
        _by_name([tensors[int(i)] for i in indices])
        for indices in (subgraph.inputs, subgraph.outputs)
    )


def _by_name(tensors: list[Tensor]) -> dict[str, Tensor]:
    """Return tensors by name. A repeated name gets the index appended."""
    found: dict[str, Tensor] = {}
    for place, tensor in enumerate(tensors):
        found[f"{tensor.name}:{place}" if tensor.name in found else tensor.name] = tensor
    return found


def write_graph(graph: Graph) -> bytes:
    """Write a graph as a .tflite file with one signature of the graph's names."""
    model = schema.ModelT()
    model.version, model.description = 3, "tfl-depth"
    model.buffers, model.operatorCodes, model.metadata = [schema.BufferT()], [], []
    subgraph = schema.SubGraphT()
    subgraph.name = "main"
    tensors = graph.tensors()
    place = {tensor: index for index, tensor in enumerate(tensors)}
    names = _unique([tensor.name for tensor in tensors])
    subgraph.tensors = [
        _written(model, tensor, name) for tensor, name in zip(tensors, names, strict=True)
    ]
    codes: dict[tuple[str, int], int] = {}
    subgraph.operators = [_written_operator(model, codes, op, place) for op in graph.operators]
    subgraph.inputs = np.array([place[t] for t in graph.inputs.values()], np.int32)
    subgraph.outputs = np.array([place[t] for t in graph.outputs.values()], np.int32)
    model.subgraphs = [subgraph]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = SIGNATURE, 0
    signature.inputs = _entries(graph.inputs, place)
    signature.outputs = _entries(graph.outputs, place)
    model.signatureDefs = [signature]
    return serialize_tflite(model)


def _unique(names: list[str]) -> list[str]:
    taken: set[str] = set()
    made = []
    for name in names:
        number, candidate = 1, name
        while candidate in taken:
            candidate, number = f"{name}_{number}", number + 1
        taken.add(candidate)
        made.append(candidate)
    return made


def _written(model: Any, tensor: Tensor, name: str) -> Any:
    made = schema.TensorT()
    made.name, made.type, made.hasRank = name, _TYPES[np.dtype(tensor.dtype)], True
    made.shape = np.array(tensor.shape, np.int32)
    made.buffer = 0
    if tensor.data is not None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(tensor.data).tobytes(), np.uint8)
        made.buffer = len(model.buffers)
        model.buffers.append(buffer)
    if tensor.quantization is not None:
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale = np.array(tensor.quantization.scales, np.float32)
        made.quantization.zeroPoint = np.array(tensor.quantization.zero_points, np.int64)
        made.quantization.quantizedDimension = tensor.quantization.axis
    return made


def _written_operator(
    model: Any, codes: dict[tuple[str, int], int], operator: Operator, place: Mapping[Tensor, int]
) -> Any:
    key = (operator.kind, operator.version)
    if key not in codes:
        codes[key] = len(model.operatorCodes)
        code = schema.OperatorCodeT()
        code.builtinCode = _CODES[operator.kind]
        code.deprecatedBuiltinCode = min(code.builtinCode, _PLACEHOLDER)
        code.version = operator.version
        model.operatorCodes.append(code)
    made = schema.OperatorT()
    made.opcodeIndex = codes[key]
    made.inputs = np.array([-1 if t is None else place[t] for t in operator.inputs], np.int32)
    made.outputs = np.array([place[t] for t in operator.outputs], np.int32)
    if operator.options is not None:
        made.builtinOptions = copy.deepcopy(operator.options)
        made.builtinOptionsType = _OPTIONS[type(operator.options).__name__[:-1]]
    return made


def _entries(named: Mapping[str, Tensor], place: Mapping[Tensor, int]) -> list[Any]:
    made = []
    for name, tensor in named.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, place[tensor]
        made.append(entry)
    return made
