"""Edits of a finished .tflite file: its contract, its kernels' scales, its head's int16 ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from tfl_depth.contract import BLANK_SHA256, METADATA_NAME, Contract, with_digest

INT16_MAX = 32767
INT8_MAX = 127
# Of a bias, with room for the sum of products.
INT32_MAX = 2**30
# Operators with a kernel as their second input: where their features and their bias stand.
_WITH_KERNEL = {
    schema.BuiltinOperator.CONV_2D: (0, 2),
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: (0, 2),
    schema.BuiltinOperator.FULLY_CONNECTED: (0, 2),
    schema.BuiltinOperator.TRANSPOSE_CONV: (2, 3),
}


def with_contract(model: bytes, contract: Contract) -> bytes:
    """Put a contract into a .tflite file, in place of one that is there and of its signature."""
    return with_digest(with_metadata(model, METADATA_NAME, contract.to_json(BLANK_SHA256)))


def with_metadata(model: bytes, name: str, content: bytes) -> bytes:
    """Put a metadata entry into a .tflite file, in place of one of its name."""
    edited = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    entry = _metadata_entry(edited, name)
    edited.buffers[entry.buffer].data = np.frombuffer(content, np.uint8)
    return _pack(edited)


def _metadata_entry(model: Any, name: str) -> Any:
    model.metadata = list(model.metadata or [])
    for entry in model.metadata:
        if entry.name in (name, name.encode()):
            return entry
    entry = schema.MetadataT()
    entry.name = name
    entry.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT())
    model.metadata.append(entry)
    return entry


def _pack(model: Any) -> bytes:
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def pin_int16_ranges(model: bytes, upper: Mapping[str, float], inner: float | None) -> bytes:
    """Fix the ranges of the head of an int16x8 model, whose converter takes no pinned ones.

    The head must reach its whole range, whatever the calibration images showed of it.

    Args:
        model: .tflite bytes with float32 outputs.
        upper: largest value of each named output; int16 is symmetric.
        inner: largest value of the tensor that the outputs are computed of, or None to leave it.
    """
    edited = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    graph = edited.subgraphs[0]
    made_by = {int(index): op for op in graph.operators for index in op.outputs}
    for signature in edited.signatureDefs[0].outputs:
        dequantize = made_by[signature.tensorIndex]
        result = int(dequantize.inputs[0])
        convolution = made_by[result]
        if inner is not None:
            _set_scale(graph, int(convolution.inputs[0]), inner / INT16_MAX)
            _rescale_bias(edited, *(graph.tensors[int(i)] for i in convolution.inputs))
        name = signature.name if isinstance(signature.name, str) else signature.name.decode()
        _set_scale(graph, result, upper[name] / INT16_MAX)
    return _pack(edited)


def _set_scale(graph: Any, tensor: int, scale: float) -> None:
    quantization = graph.tensors[tensor].quantization
    quantization.scale = np.array([scale], np.float32)
    quantization.min = quantization.max = None


def _rescale_bias(model: Any, inputs: Any, kernel: Any, bias: Any) -> None:
    """Requantise a bias to its new scale: that of the input times that of the weights."""
    scale = inputs.quantization.scale[0] * np.asarray(kernel.quantization.scale)
    codes = _bias_codes(model, bias)
    values = np.rint(codes * np.asarray(bias.quantization.scale) / scale).astype(codes.dtype)
    model.buffers[bias.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
    bias.quantization.scale = scale.astype(np.float32)
    bias.quantization.zeroPoint = np.zeros(len(scale), np.int64)


def with_one_scale_a_kernel(model: bytes) -> bytes:
    """Give each kernel one scale in place of one for each output channel.

    A kernel that lay on such a grid before it was quantised comes to lie on it again: a channel's
    own grid is never coarser, so that the nearest code is the one it came from.

    Args:
        model: .tflite bytes of a quantised network; kernels that are not quantised stay.
    """
    edited = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    graph = edited.subgraphs[0]
    for operator in graph.operators:
        code = edited.operatorCodes[operator.opcodeIndex]
        # Files before schema 3b have it in the one, later ones in the other.
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        if kind in _WITH_KERNEL and _has_several_scales(graph.tensors[int(operator.inputs[1])]):
            features, bias = _WITH_KERNEL[kind]
            places = [int(i) for i in operator.inputs]
            inputs, kernel = graph.tensors[places[features]], graph.tensors[places[1]]
            # One that is left out is not there, or is -1.
            has_bias = bias < len(places) and places[bias] >= 0
            _merge_scales(edited, inputs, kernel, graph.tensors[places[bias]] if has_bias else None)
    return _pack(edited)


def _has_several_scales(tensor: Any) -> bool:
    quantization = tensor.quantization
    return (
        quantization is not None and quantization.scale is not None and len(quantization.scale) > 1
    )


def _merge_scales(model: Any, inputs: Any, kernel: Any, bias: Any | None) -> None:
    quantization, buffer = kernel.quantization, model.buffers[kernel.buffer]
    shape = [1] * len(kernel.shape)
    shape[quantization.quantizedDimension] = -1
    codes = np.frombuffer(bytes(buffer.data), np.int8).reshape(kernel.shape)
    weights = codes * np.asarray(quantization.scale, np.float64).reshape(shape)
    # Where weights are next to nothing, the bias needs a coarser step to fit into its codes.
    least = 0.0 if bias is None else _least_step(model, inputs, bias)
    step = max(np.abs(weights).max() / INT8_MAX, least) or 1.0
    buffer.data = np.frombuffer(np.rint(weights / step).astype(np.int8).tobytes(), np.uint8)
    quantization.scale, quantization.zeroPoint = np.array([step], np.float32), np.zeros(1, np.int64)
    quantization.quantizedDimension = 0
    quantization.min = quantization.max = None
    if bias is not None:
        _rescale_bias(model, inputs, kernel, bias)


def _least_step(model: Any, inputs: Any, bias: Any) -> float:
    """The least step of a kernel at which its bias still fits into int32."""
    values = _bias_codes(model, bias) * np.asarray(bias.quantization.scale, np.float64)
    return float(np.abs(values).max() / (inputs.quantization.scale[0] * INT32_MAX))


def _bias_codes(model: Any, bias: Any) -> Any:
    dtype = np.int64 if bias.type == schema.TensorType.INT64 else np.int32
    return np.frombuffer(bytes(model.buffers[bias.buffer].data), dtype)


def tensors(model: bytes) -> list[Any]:
    """The tensors of a .tflite file's graph, as schema objects."""
    return list(flatbuffer_utils.convert_bytearray_to_object(bytearray(model)).subgraphs[0].tensors)
