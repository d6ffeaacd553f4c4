"""`DepthRunner`: a .tflite file in, millimetres out."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tfl_depth.contract import Contract, read_contract
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ContractError, DepthError, ModelFileError, SignatureError
from tfl_depth.runtime.batch import infer_batch
from tfl_depth.runtime.interpreter import open_interpreter
from tfl_depth.runtime.preprocess import Channels, Pixels, Resizer, load_pixels, write_input
from tfl_depth.runtime.recombine import Recombiner, recombiner
from tfl_depth.runtime.stream import OnFull, Source, Stream
from tfl_depth.runtime.warm_up import WarmUp, warm_up

Size = Literal["image", "model"]


@dataclass(frozen=True)
class Measurement:
    """The depth of one image, and how it came about.

    Attributes:
        depth_mm: (H, W) of the runner's `depth_dtype`: millimetres, 0 = no depth.
        disagreement: share of the network's pixels, 0 to 1, whose two codes contradict each other;
            these have no depth. None for a model without two codes, which cannot be checked.
        prepare_s: seconds from pixels to the network's input.
        invoke_s: seconds the interpreter took.
        recombine_s: seconds from its outputs to depth.
    """

    depth_mm: DepthMm
    disagreement: float | None
    prepare_s: float
    invoke_s: float
    recombine_s: float


class DepthRunner:
    """Runs one depth model. A context manager; safe to share between threads.

    Attributes:
        contract: what the file says of itself.
        depth_dtype: of the depth that `infer` returns: uint16, or uint32 past 65.535 m.
        model_size: (height, width) that the network takes.
        grid_size: (height, width) of the depth that the network gives.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | bytes,
        *,
        num_threads: int | None = None,
        xnnpack: bool = True,
        public_key: str | os.PathLike[str] | bytes | None = None,
    ) -> None:
        """Open a model made by tools/convert.

        Args:
            model: path of the .tflite file, or its bytes.
            num_threads: for CPU kernels; None takes every core this process may use.
            xnnpack: False takes TensorFlow Lite's reference kernels instead of XNNPACK's.
            public_key: path or content of a PEM file; the model must be signed with its private
                key (tools/sign). Needs the package cryptography: tfl-depth[sign].

        Raises:
            ModelFileError: the file is missing, damaged or no model.
            SignatureError: with `public_key`, the model is not signed so, or that cannot be told.
            ContractError: it has no contract, one of a newer version, or does not keep it.
            InterpreterError: no interpreter package is installed, or it refuses the model.
            DelegateRequiredError: the model is compiled for an NPU.
        """
        self._content = model if isinstance(model, bytes) else _read(Path(model))
        self._xnnpack = xnnpack
        self.contract: Contract = read_contract(self._content)
        if public_key is not None:
            _check_signature(self._content, public_key)
        self._interpreter = open_interpreter(
            self._content, num_threads=num_threads, xnnpack=xnnpack
        )
        self._lock = threading.Lock()
        self._input, self._outputs = _bind(self._interpreter, self.contract)
        self.model_size = (self.contract.height, self.contract.width)
        _, height, width, _ = self._outputs[self.contract.output_names[0]]["shape"]
        self.grid_size = (int(height), int(width))
        self._resize = Resizer(self.model_size)
        self._recombine = self._new_recombiner()
        self._codes = self._recombine.new_codes()
        self.depth_dtype = self._recombine.dtype

    def _new_recombiner(self) -> Recombiner:
        scales = {name: detail["quantization"] for name, detail in self._outputs.items()}
        return recombiner(self.contract, scales, self.grid_size)

    def infer(
        self,
        img: Any,
        *,
        size: Size = "image",
        channels: Channels = "bgr",
        out: DepthMm | None = None,
    ) -> DepthMm:
        """Compute the depth of one image.

        Args:
            img: a path, a PIL image, or a uint8 array: (H, W, 3), or grey (H, W).
            size: "image" for depth at the image's size, "model" for the network's own grid.
            channels: order of an array's channels, "bgr" as OpenCV gives them, or "rgb".
            out: where to write the depth, (H, W) of `depth_dtype`, C-contiguous; it is returned.

        Returns:
            (H, W) of `depth_dtype`: millimetres along the optical axis, 0 = no depth.

        Raises:
            ImageError: not an image.
            SelfCheckError: the interpreter or its delegate returns garbage; `out` is 0 throughout.
            DepthError: the runner is closed, or `out` does not fit.
        """
        return self.measure(img, size=size, channels=channels, out=out).depth_mm

    def measure(
        self,
        img: Any,
        *,
        size: Size = "image",
        channels: Channels = "bgr",
        out: DepthMm | None = None,
    ) -> Measurement:
        """As `infer`, with what the self-check found and how long each part took."""
        _expect_size(size)
        pixels, order = load_pixels(img, channels)
        shape = pixels.shape[:2] if size == "image" else self.grid_size
        depth_mm = np.empty(shape, self.depth_dtype) if out is None else self._fitting(out, shape)
        with self._lock:
            begin_s = perf_counter()
            resized = self._resize(pixels)
            self._set_input(resized, order)
            prepared_s = perf_counter()
            self._interpreter.invoke()
            invoked_s = perf_counter()
            self._collect(self._codes)
            disagreement = self._recombine.decode(self._codes, depth_mm)
            end_s = perf_counter()
        return Measurement(
            depth_mm=depth_mm,
            disagreement=disagreement,
            prepare_s=prepared_s - begin_s,
            invoke_s=invoked_s - prepared_s,
            recombine_s=end_s - invoked_s,
        )

    def stream(
        self,
        source: Source,
        *,
        size: Size = "image",
        channels: Channels = "bgr",
        on_full: OnFull = "block",
        waiting: int = 2,
    ) -> Stream:
        """Compute the depth of a stream's frames while the next ones are being got.

        Args:
            source: a camera's number, a video file's path, or an iterable of what `infer` takes,
                which another thread goes through. It must not write to an array it has given.
            size: as for `infer`.
            channels: order of the arrays of an iterable.
            on_full: where the network is slower than the source, "block" lets the source wait and
                "drop_oldest" drops the oldest waiting frame.
            waiting: how many frames may wait for the network.

        Returns:
            An iterator over `StreamFrame`s, in the source's order, which is a context manager.

        Raises:
            ImageError: there is no such camera or video, or no such source.
            DepthError: another argument is none of these.
        """
        _expect_size(size)
        return Stream(
            source,
            forward=self._forward,
            recombine=self._new_recombiner(),
            model_size=self.model_size,
            grid_size=self.grid_size if size == "model" else None,
            channels=channels,
            on_full=on_full,
            waiting=waiting,
        )

    def infer_batch(
        self,
        images: Iterable[Any],
        *,
        size: Size = "image",
        channels: Channels = "bgr",
        workers: int | None = None,
    ) -> Generator[DepthMm, None, None]:
        """Compute the depth of many images on all cores: one at a time on each.

        Args:
            images: of what `infer` takes, images are taken only as they are needed.
            size: as for `infer`.
            channels: as for `infer`.
            workers: how many interpreters of one thread; None: as many as this process has cores.

        Returns:
            An iterator over the depths, in the order of `images`, whose `close` frees the workers
            before its end. At an image that fails it raises the error of `infer`, and ends.
        """
        _expect_size(size)
        count = len(os.sched_getaffinity(0)) if workers is None else workers
        if count < 1:
            raise DepthError(f"Expected `workers` to be at least 1, got {workers}.")
        with self._lock:
            self._expect_open()
        runners = [
            DepthRunner(self._content, num_threads=1, xnnpack=self._xnnpack) for _ in range(count)
        ]
        return infer_batch(runners, images, size=size, channels=channels)

    def warm_up(self, runs: int = 5) -> WarmUp:
        """Run the network on a black picture: a delegate may compile it now, for minutes.

        Args:
            runs: how many runs follow the first one, to learn the time of any other.

        Raises:
            DepthError: the runner is closed, or `runs` is less than 1.
        """
        pixels = np.zeros((*self.model_size, 3), np.uint8)
        codes = self._new_recombiner().new_codes()
        return warm_up(lambda: self._forward(pixels, codes), runs)

    def _forward(self, rgb: Pixels, codes: npt.NDArray[Any]) -> None:
        """Run the network on RGB pixels of its size, and collect its outputs."""
        with self._lock:
            self._set_input(rgb, "rgb")
            self._interpreter.invoke()
            self._collect(codes)

    def _fitting(self, out: Any, shape: tuple[int, ...]) -> DepthMm:
        """`out`, if depth can be written there."""
        if not isinstance(out, np.ndarray):
            raise DepthError(f"Expected `out` to be a numpy array, got {type(out).__name__}.")
        if (out.shape, out.dtype) != (shape, self.depth_dtype):
            raise DepthError(
                f"Expected `out` to be of shape {shape} and dtype {self.depth_dtype}, got "
                f"{out.shape} and {out.dtype}."
            )
        if not (out.flags.c_contiguous and out.flags.writeable):
            raise DepthError(
                "Expected `out` to be C-contiguous and writeable: take an array of its own rather "
                "than a view."
            )
        return np.asarray(out)

    # No view of a tensor may be left when the interpreter is invoked, not even in the traceback of
    # an error that somebody keeps: so these two do nothing that can fail.

    def _set_input(self, pixels: Pixels, order: Channels) -> None:
        """Write pixels of the network's size; with the lock held."""
        self._expect_open()
        write_input(pixels, order, self._interpreter.tensor(self._input["index"])()[0])

    def _collect(self, codes: npt.NDArray[Any]) -> None:
        """Copy the outputs; with the lock held."""
        tensor = self._interpreter.tensor
        outputs = {name: tensor(detail["index"])() for name, detail in self._outputs.items()}
        self._recombine.collect(outputs, codes)

    def _expect_open(self) -> None:
        if self._interpreter is None:
            raise DepthError("The runner is closed: open a new one.")

    def close(self) -> None:
        """Free the interpreter's memory; closing twice is allowed."""
        with self._lock:
            self._interpreter = None
            self._content = b""

    def __enter__(self) -> DepthRunner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _expect_size(size: Any) -> None:
    if size not in ("image", "model"):
        raise DepthError(f"Expected `size` to be 'image' or 'model', got {size!r}.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"Cannot read the model {path}: {error.strerror}.") from error


def _check_signature(model: bytes, public_key: str | os.PathLike[str] | bytes) -> None:
    try:
        from tfl_depth.signing import check_signature
    except ModuleNotFoundError as error:
        raise SignatureError(
            "Without cryptography no signature can be checked: pip install 'tfl-depth[sign]'."
        ) from error
    check_signature(model, public_key)


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
    size = outputs[contract.output_names[0]]["shape"].tolist()[1:3]
    for name in contract.output_names:
        _expect(f"dtype of {name}", outputs[name]["dtype"], source["dtype"])
        _expect(f"shape of {name}", outputs[name]["shape"].tolist(), [1, *size, 1])
    return source, {name: outputs[name] for name in contract.output_names}


def _expect(what: str, got: Any, expected: Any) -> None:
    if got != expected:
        raise ContractError(
            f"Expected {what} {expected} by the model's contract, got {got}: convert it anew."
        )
