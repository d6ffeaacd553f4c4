"""The cases of `tfl-depth benchmark`: the runtime, its parts, and others for comparison."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth import child
from tfl_depth.camera import Camera, Distortion
from tfl_depth.encoding import Spans, depth_dtype, encode
from tfl_depth.errors import InterpreterError
from tfl_depth.format.contract import Contract, read_contract
from tfl_depth.runtime import DepthRunner, Measurement
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.runtime.output_layout import TwoCodesLayout
from tfl_depth.runtime.postprocess import TwoCodes
from tfl_depth.runtime.preprocess import SIGN_BIT, resize_pixels, write_input
from tfl_depth.runtime.temporal_filter import Smoothing, TemporalFilter
from tfl_depth.runtime.undistort import Undistorter

Pixels = npt.NDArray[np.uint8]
# The time of a call is measured, unless it returns `Seconds`.
Case = Callable[[], object]

CAMERA_SIZE = (720, 1280)
GRID_SIZE = (384, 640)
SPANS = {
    "uniform": Spans.uniform(15),
    "growing": Spans((0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 65.0)),
}
# A camera of that size, with distortion in OpenCV's usual model.
WIDE_LENS = Camera.of(
    900.0,
    900.0,
    width=CAMERA_SIZE[1],
    height=CAMERA_SIZE[0],
    distortion=Distortion("pinhole", (-0.25, 0.08, 0.0, 0.0, 0.0)),
)
PAGE = 4096
STREAM_FRAMES = 10
# The int8 value of 0 m.
NEAREST = -128
# The oldest version with all int8 operators of the zoo's networks.
ONNX_OPSET = 17


class Seconds(float):
    """The measured part of a call."""


def picture(size: tuple[int, int]) -> Pixels:
    """BGR pixels (H, W, 3), smooth and colorful."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC))


def of_runner(model: Path, num_threads: int) -> dict[str, Case]:
    """The runtime with a model, the bare interpreter, and a simple program around it."""
    runner = DepthRunner(model, num_threads=num_threads)
    isolated = DepthRunner(model, num_threads=num_threads, isolate=True)
    interpreter = open_interpreter(model.read_bytes(), num_threads=num_threads)
    usual = NaivePipeline(interpreter, runner.contract)
    own, camera = picture(runner.model_size), picture(CAMERA_SIZE)
    at_own = np.empty(own.shape[:2], runner.depth_dtype)
    return {
        "invoke": interpreter.invoke,
        **_of_infer(runner),
        "infer, isolated, beside its invoke": lambda: _beside_invoke(
            isolated.measure(own, out=at_own)
        ),
        "usual": lambda: usual(own),
        "usual 1280x720": lambda: usual(camera),
        "usual, beside its invoke": lambda: _beside_invoke(usual(own)),
    }


def of_delegate(model: Path, settings: Mapping[str, Any]) -> dict[str, Case]:
    """The runtime with a delegate. It is opened once, since an NPU may refuse a second process."""
    runner = DepthRunner(model, **settings)
    own = picture(runner.model_size)
    at_own = np.empty(own.shape[:2], runner.depth_dtype)
    return {
        "invoke": lambda: Seconds(runner.measure(own, out=at_own).invoke_s),
        **_of_infer(runner),
    }


def _of_infer(runner: DepthRunner) -> dict[str, Case]:
    own, camera = picture(runner.model_size), picture(CAMERA_SIZE)
    at_own, at_camera = (np.empty(of.shape[:2], runner.depth_dtype) for of in (own, camera))
    at_grid = np.empty(runner.grid_size, runner.depth_dtype)
    resized = np.empty_like(own)
    undistort = Undistorter(WIDE_LENS)
    undistort(camera)  # makes the maps
    return {
        "infer": lambda: runner.infer(own, out=at_own),
        "infer, depth of the model's size": lambda: runner.infer(own, size="model", out=at_grid),
        "decode, right after an invoke": lambda: Seconds(
            runner.measure(own, size="model", out=at_grid).postprocess_s
        ),
        "infer 1280x720": lambda: runner.infer(camera, out=at_camera),
        "infer 1280x720, depth of the model's size": lambda: runner.infer(
            camera, size="model", out=at_grid
        ),
        "undistort 1280x720": lambda: undistort(camera),
        "cv2.resize of 1280x720": lambda: resize_pixels(camera, runner.model_size, resized),
        "stream of 1280x720, a frame": lambda: _a_frame_of_a_stream(runner, camera),
        "infer, beside its invoke": lambda: _beside_invoke(runner.measure(own, out=at_own)),
    }


def _a_frame_of_a_stream(runner: DepthRunner, frame: Pixels) -> Seconds:
    """The time from one frame to the next in a running stream."""
    with runner.stream(repeat(frame, STREAM_FRAMES + 1)) as frames:
        next(frames)
        begin_s = perf_counter()
        for _ in frames:
            pass
        return Seconds((perf_counter() - begin_s) / STREAM_FRAMES)


def _beside_invoke(measured: Measurement) -> Seconds:
    return Seconds(measured.prepare_s + measured.postprocess_s)


class NaivePipeline:
    """A simple program around an interpreter: float preprocessing, dequantization by numpy."""

    def __init__(self, interpreter: Any, contract: Contract) -> None:
        self._interpreter, self._contract = interpreter, contract
        # The runner must be deleted before the interpreter can be invoked.
        signature = interpreter.get_signature_runner()
        (self._input,) = signature.get_input_details().values()
        self._outputs = signature.get_output_details()

    def __call__(self, frame: Pixels) -> Measurement:
        """Depth at the size of a BGR frame (H, W, 3)."""
        begin_s = perf_counter()
        size = (self._contract.height, self._contract.width)
        rgb = cv2.cvtColor(resize_pixels(frame, size), cv2.COLOR_BGR2RGB)
        self._interpreter.set_tensor(self._input["index"], self._quantized(rgb)[None])
        prepared_s = perf_counter()
        self._interpreter.invoke()
        invoked_s = perf_counter()
        depth_m = cv2.resize(self._depth_m(), frame.shape[1::-1])
        return Measurement(
            depth_mm=np.asarray(np.rint(1000 * depth_m), depth_dtype(self._contract.spans)),
            disagreement=None,
            prepare_s=prepared_s - begin_s,
            invoke_s=invoked_s - prepared_s,
            postprocess_s=perf_counter() - invoked_s,
        )

    def _quantized(self, rgb: npt.NDArray[Any]) -> npt.NDArray[Any]:
        scale, zero_point = self._input["quantization"]
        if not scale:
            return rgb.astype(np.float32)
        normalization = self._contract.normalization
        normalized = rgb.astype(np.float32) * np.array(normalization.scale, np.float32)
        normalized += np.array(normalization.offset, np.float32)
        codes = np.round(normalized / scale + zero_point)
        return np.asarray(np.clip(codes, -128, 127), self._input["dtype"])

    def _depth_m(self) -> npt.NDArray[np.float32]:
        values = {name: self._dequantized(detail) for name, detail in self._outputs.items()}
        if self._contract.head == "single":
            return values["depth"]
        spans = self._contract.spans
        n = np.floor(values["integer"] + spans.integer_bias)
        n = np.clip(n, 0, spans.count - 1).astype(np.int32)
        place = np.where(n % 2 == 0, values["fractional"], 1 - values["fractional"])
        edges, widths = np.array(spans.edges_m, np.float32), np.array(spans.widths_m, np.float32)
        return np.asarray(edges[n] + widths[n] * place)

    def _dequantized(self, detail: dict[str, Any]) -> npt.NDArray[np.float32]:
        tensor = self._interpreter.get_tensor(detail["index"])[0, ..., 0]
        scale, zero_point = detail["quantization"]
        return np.asarray((tensor.astype(np.float32) - zero_point) * scale if scale else tensor)


def of_postprocessing() -> dict[str, Case]:
    """The postprocessing of 384x640 with the self-check, and a memory copy of its output's size."""
    cases = {"copy": copy_of(2 * GRID_SIZE[0] * GRID_SIZE[1])}
    for kind, spans in SPANS.items():
        cases |= _of_spans(kind, spans)
    return {**cases, "smooth": _of_smoothing()}


def _of_spans(kind: str, spans: Spans) -> dict[str, Case]:
    near_m, far_m = spans.edges_m[0] + 0.1, spans.max_depth_m
    coarse = np.random.default_rng(0).uniform(near_m, far_m, (12, 20))
    depth_m = cv2.resize(coarse, GRID_SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    tensors = ((code ^ SIGN_BIT).view(np.int8)[None, ..., None] for code in encode(depth_m, spans))
    outputs = dict(zip(("integer", "fractional"), tensors, strict=True))
    decoder = TwoCodes(spans, GRID_SIZE)
    layout = TwoCodesLayout(GRID_SIZE)
    codes, depth_mm = layout.new_codes(), np.empty(GRID_SIZE, decoder.dtype)

    outputs_of_some = {name: tensor.copy() for name, tensor in outputs.items()}
    for tensor in outputs_of_some.values():
        tensor[0, 0] = NEAREST

    def both(tensors: dict[str, npt.NDArray[np.int8]]) -> float | None:
        layout.collect(tensors, codes)
        return decoder.decode_grid(codes, depth_mm)

    return {
        f"postprocess, {kind} spans": lambda: both(outputs),
        f"postprocess, {kind} spans, some without depth": lambda: both(outputs_of_some),
    }


def _of_smoothing() -> Case:
    """The extra time of `stream(smooth=...)` for a frame of 384x640."""
    smooth = TemporalFilter(Smoothing(), GRID_SIZE)
    depth_mm = np.random.default_rng(0).integers(0, 15000, GRID_SIZE).astype(np.uint16)
    return lambda: smooth(depth_mm)


def copy_of(size: int) -> Case:
    """The fastest copy of `size` bytes: both arrays begin at a memory page."""
    source, target = _at_a_page(size), _at_a_page(size)
    return lambda: np.copyto(target, source)


def _at_a_page(size: int) -> Pixels:
    memory = np.ones(size + PAGE, np.uint8)
    first = -memory.ctypes.data % PAGE
    return memory[first : first + size]


def of_float(model: Path, num_threads: int) -> Case:
    """The bare interpreter with XNNPACK and a float32 .tflite."""
    content = model.read_bytes()
    precision = read_contract(content).precision
    if precision != "float32":
        raise InterpreterError(f"Expected {model} to be a float32 model, got one of {precision}.")
    invoke: Case = open_interpreter(content, num_threads=num_threads).invoke
    return invoke


def of_openvino(model: Path, num_threads: int) -> Case:
    """OpenVINO with the .tflite, on the CPU.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    openvino = import_module("openvino")
    compiled = openvino.Core().compile_model(
        str(model), "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": num_threads}
    )
    request = compiled.create_infer_request()
    height, width = compiled.inputs[0].shape[1:3]
    request.set_input_tensor(openvino.Tensor(_input_of((height, width))))
    return lambda: request.infer()


def of_onnx(model: Path, num_threads: int) -> Case:
    """ONNX Runtime on the CPU, with the .tflite converted by tf2onnx: its int8 as Q/DQ pairs.

    Raises:
        ModuleNotFoundError: one of the two is not installed.
        InterpreterError: tf2onnx cannot convert it.
    """
    onnxruntime = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    onnxruntime.set_default_logger_severity(3)  # errors
    options.intra_op_num_threads = num_threads
    content = _as_onnx(model)
    session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    _, height, width, _ = source.shape
    feed = {source.name: _input_of((height, width))}
    return lambda: session.run(None, feed)


def _input_of(size: tuple[int, int]) -> npt.NDArray[np.int8]:
    codes = np.empty((1, *size, 3), np.int8)
    write_input(picture(size), "bgr", codes[0])
    return codes


def _as_onnx(model: Path) -> bytes:
    """Convert in another process: tf2onnx imports TensorFlow, whose threads would stay."""
    if find_spec("tf2onnx") is None:
        raise ModuleNotFoundError("tf2onnx is not installed", name="tf2onnx")
    with TemporaryDirectory() as folder:
        output = Path(folder, "model.onnx")
        files = ["--tflite", str(model.resolve()), "--output", str(output)]
        done = subprocess.run(
            child.run_module("tf2onnx.convert", *files, "--opset", str(ONNX_OPSET)),
            env=child.environment(),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            raise InterpreterError(f"tf2onnx cannot convert {model.name}: {reason}")
        return output.read_bytes()
