"""ONNX: conversion by onnx2tf, runs by onnxruntime. Works where these are, without tfl_depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .refused import Refused, not_finite, one_input

_QUANTIZED = {"QuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"}
_CONTROL_FLOW = {"If", "Loop", "Scan"}
_sessions: dict[str, Any] = {}


def describe(path: str) -> dict[str, Any]:
    """The input's shape, with None for open sizes, and the outputs' names."""
    model = _load(path)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    if len(inputs) != 1:
        raise one_input(path, [each.name for each in inputs])
    kinds = {node.op_type for node in graph.node}
    if found := kinds & _QUANTIZED:
        raise Refused(f"{path} is quantized already ({min(found)}): give the float network.")
    if found := kinds & _CONTROL_FLOW:
        raise Refused(f"{path} has control flow ({min(found)}): export it without.")
    _refuse_not_finite(path, graph)
    dims = inputs[0].type.tensor_type.shape.dim
    return {
        "input_shape": [dim.dim_value if dim.dim_value > 0 else None for dim in dims],
        "output_names": [each.name for each in graph.output],
    }


def _load(path: str) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path)
    except (DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is a damaged ONNX file, or was cut short: copy it again.") from error
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise Refused(
            f"{path} keeps its weights in other files, which cannot be read: put them beside it "
            f"({reason})."
        ) from error


def _refuse_not_finite(path: str, graph: Any) -> None:
    from onnx import numpy_helper

    kernels = {name for node in graph.node if node.op_type in _KERNELS for name in node.input}
    for tensor in graph.initializer:
        value = numpy_helper.to_array(tensor)
        if value.dtype.kind != "f":
            continue
        if np.isnan(value).any() or (tensor.name in kernels and np.isinf(value).any()):
            raise not_finite(path, tensor.name)


_KERNELS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


def convert(path: str, shape: list[int], output: str) -> None:
    """Write a float .tflite.

    Args:
        path: the .onnx file.
        shape: to deploy, in the layout of the source.
        output: the .tflite to write.
    """
    import onnx
    import onnx2tf

    folder = Path(output).parent
    fixed = folder / "fixed.onnx"
    onnx.save(_static(_load(path), shape), str(fixed))
    onnx2tf.convert(
        input_onnx_file_path=str(fixed),
        output_folder_path=str(folder / "onnx2tf"),
        tflite_backend="flatbuffer_direct",
        non_verbose=True,
        copy_onnx_input_output_names_to_tflite=True,
    )
    (folder / "onnx2tf" / "fixed_float32.tflite").rename(output)


def _static(model: Any, shape: list[int]) -> Any:
    """The model for one input shape: shapes that depended on it are inferred again."""
    import onnx

    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    (first,) = (each for each in graph.input if each.name not in constants)
    was = [dim.dim_value for dim in first.type.tensor_type.shape.dim]
    if was == shape:
        return model
    for dim, size in zip(first.type.tensor_type.shape.dim, shape, strict=True):
        dim.ClearField("dim_param")
        dim.dim_value = size
    graph.ClearField("value_info")
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def run(path: str, value: str, outputs: str) -> None:
    """Run the source.

    Args:
        path: the .onnx file.
        value: an .npy file of its input.
        outputs: the .npz file to write, with arr_0, arr_1, ... for the outputs in order.
    """
    session = _session(path)
    (first,) = session.get_inputs()
    kind = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}
    pixels = np.load(value).astype(kind.get(first.type, np.float32))
    found = session.run(None, {first.name: pixels})
    np.savez(outputs, *[np.asarray(each, np.float32) for each in found])


def _session(path: str) -> Any:
    import onnxruntime

    if path not in _sessions:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        _sessions[path] = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
    return _sessions[path]
