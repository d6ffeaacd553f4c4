"""ONNX: conversion by onnx2tf, runs by onnxruntime. Works where these are, without tfl_depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .onnx_repair import repair
from .refused import Refused, not_finite, one_input

_QUANTIZED = {"QuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"}
# Rounding in another order stays far below.
_RIGHT = 1e-3
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
    fixed = _static(_load(path), shape)
    first = _by_onnx2tf(fixed, Path(output).parent / "first")
    found = _difference(fixed, first, shape)
    if found > _RIGHT:
        repaired = repair(fixed)
        second = _by_onnx2tf(repaired, Path(output).parent / "second")
        first = second if _difference(fixed, second, shape) < found else first
    first.rename(output)


def _by_onnx2tf(model: Any, folder: Path) -> Path:
    import onnx
    import onnx2tf

    folder.mkdir()
    onnx.save(model, str(folder / "fixed.onnx"))
    onnx2tf.convert(
        input_onnx_file_path=str(folder / "fixed.onnx"),
        output_folder_path=str(folder),
        tflite_backend="flatbuffer_direct",
        non_verbose=True,
    )
    return folder / "fixed_float32.tflite"


def _difference(model: Any, tflite: Path, shape: list[int]) -> float:
    """How far a .tflite is from its source on random pixels, as a share of the outputs' size.

    Infinite where the interpreter refuses it.
    """
    image = np.random.default_rng(0).random(shape, np.float32)
    expected = _outputs(_opened(model.SerializeToString()), image)
    try:
        found = _interpreted(tflite, image)
    except (RuntimeError, ValueError):
        return float("inf")
    return max(_apart(one, other) for one, other in zip(found, expected, strict=True))


def _interpreted(tflite: Path, image: Any) -> list[Any]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(tflite))
    interpreter.allocate_tensors()
    (first,) = interpreter.get_input_details()
    if tuple(first["shape"]) != image.shape:
        image = image.transpose(0, 2, 3, 1)
    interpreter.set_tensor(first["index"], image.astype(first["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]


def _apart(one: Any, other: Any) -> float:
    if one.shape != other.shape and other.ndim == 4:
        other = other.transpose(0, 2, 3, 1)
    if one.shape != other.shape:
        return float("inf")
    return float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-9))


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
        for dim in output.type.tensor_type.shape.dim:
            dim.Clear()
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def run(path: str, value: str, outputs: str) -> None:
    """Run the source.

    Args:
        path: the .onnx file.
        value: an .npy file of its input.
        outputs: the .npz file to write, with arr_0, arr_1, ... for the outputs in order.
    """
    found = _outputs(_session(path), np.load(value))
    np.savez(outputs, *[np.asarray(each, np.float32) for each in found])


def _session(path: str) -> Any:
    if path not in _sessions:
        _sessions[path] = _opened(path)
    return _sessions[path]


def _opened(model: str | bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _outputs(session: Any, image: Any) -> list[Any]:
    (first,) = session.get_inputs()
    kinds = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}
    return list(session.run(None, {first.name: image.astype(kinds.get(first.type, np.float32))}))
