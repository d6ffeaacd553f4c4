"""`DepthRunner`: a .tflite file in, millimetres out."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from tfl_depth.contract import Contract, read_contract
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ContractError, DepthError, ModelFileError
from tfl_depth.runtime.interpreter import open_interpreter
from tfl_depth.runtime.preprocess import Channels, fill_input, load_pixels
from tfl_depth.runtime.recombine import Recombiner, enlarge

Size = Literal["image", "model"]


class DepthRunner:
    """Runs one depth model. A context manager; safe to share between threads.

    Attributes:
        contract: what the file says of itself.
        depth_dtype: of the depth that `infer` returns: uint16, or uint32 past 65.535 m.
        model_size: (height, width) that the network takes.
        grid_size: (height, width) of the depth that the network gives.
    """

    def __init__(
        self, model: str | os.PathLike[str], *, num_threads: int | None = None, xnnpack: bool = True
    ) -> None:
        """Open a model made by tools/convert.

        Args:
            model: path of the .tflite file.
            num_threads: for CPU kernels; None takes every core this process may use.
            xnnpack: False takes TensorFlow Lite's reference kernels instead of XNNPACK's.

        Raises:
            ModelFileError: the file is missing, damaged or no model.
            ContractError: it has no contract, one of a newer version, or does not keep it.
            InterpreterError: no interpreter package is installed, or it refuses the model.
            DelegateRequiredError: the model is compiled for an NPU.
        """
        content = _read(Path(model))
        self.contract: Contract = read_contract(content)
        self._interpreter = open_interpreter(content, num_threads=num_threads, xnnpack=xnnpack)
        self._lock = threading.Lock()
        self._input, self._outputs = _bind(self._interpreter, self.contract)
        self._recombine = Recombiner(
            self.contract, {name: d["quantization"] for name, d in self._outputs.items()}
        )
        self.depth_dtype = self._recombine.dtype
        self.model_size = (self.contract.height, self.contract.width)
        _, height, width, _ = self._outputs[self.contract.output_names[0]]["shape"]
        self.grid_size = (int(height), int(width))

    def infer(self, img: Any, *, size: Size = "image", channels: Channels = "bgr") -> DepthMm:
        """Compute the depth of one image.

        Args:
            img: a path, a PIL image, or a uint8 array: (H, W, 3), or grey (H, W).
            size: "image" for depth at the image's size, "model" for the network's own grid.
            channels: order of an array's channels, "bgr" as OpenCV gives them, or "rgb".

        Returns:
            (H, W) of `depth_dtype`: millimetres along the optical axis, 0 = no depth.

        Raises:
            ImageError: not an image.
            SelfCheckError: the interpreter or its delegate returns garbage.
            DepthError: the runner is closed.
        """
        if size not in ("image", "model"):
            raise DepthError(f"Expected `size` to be 'image' or 'model', got {size!r}.")
        pixels, order = load_pixels(img, channels)
        with self._lock:
            depth_mm = self._run(pixels, order)
        return depth_mm if size == "model" else enlarge(depth_mm, pixels.shape[:2])

    def _run(self, pixels: Any, order: Channels) -> DepthMm:
        interpreter = self._interpreter
        if interpreter is None:
            raise DepthError("The runner is closed: open a new one.")
        # No view of a tensor may be left when the interpreter is invoked. The input's is gone with
        # this line; the outputs are copied, as an error that is kept would keep their views.
        fill_input(pixels, order, interpreter.tensor(self._input["index"])()[0])
        interpreter.invoke()
        return self._recombine(
            {name: interpreter.get_tensor(d["index"]) for name, d in self._outputs.items()}
        )

    def close(self) -> None:
        """Free the interpreter's memory; closing twice is allowed."""
        with self._lock:
            self._interpreter = None

    def __enter__(self) -> DepthRunner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"Cannot read the model {path}: {error.strerror}.") from error


def _bind(interpreter: Any, contract: Contract) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Details of the input and of the named outputs, checked against the contract."""
    try:
        signature = interpreter.get_signature_runner()
    except ValueError as error:
        raise ContractError(
            "The model names no inputs and outputs (it has no signature): convert it anew."
        ) from error
    inputs, outputs = signature.get_input_details(), signature.get_output_details()
    missing = {contract.input_name} - set(inputs) | set(contract.output_names) - set(outputs)
    if missing:
        raise ContractError(
            f"The model lacks the tensors {sorted(missing)} that its contract names; it has inputs "
            f"{sorted(inputs)} and outputs {sorted(outputs)}. Convert it anew."
        )
    source = inputs[contract.input_name]
    _expect("input shape", source["shape"].tolist(), [1, contract.height, contract.width, 3])
    quantised = contract.precision == "int8"
    _expect("input dtype", source["dtype"], np.uint8 if quantised else np.float32)
    for name in contract.output_names:
        _expect(f"dtype of {name}", outputs[name]["dtype"], source["dtype"])
    return source, {name: outputs[name] for name in contract.output_names}


def _expect(what: str, got: Any, expected: Any) -> None:
    if got != expected:
        raise ContractError(
            f"Expected {what} {expected} by the model's contract, got {got}: convert it anew."
        )
