"""Qualcomm's QNN part of ONNX Runtime, which runs a program compiled for a Hexagon NPU (HTP).

`convert --target qnn-...` writes the program into a .tflite file. Here it goes into an ONNX file
with one EPContext node, in memory. On x86 Qualcomm's library emulates the NPU.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.errors import DelegateError
from tfl_depth.format.contract import Contract
from tfl_depth.format.htp_program import read_htp_program
from tfl_depth.runtime.delegates.selected import SelectedDelegate
from tfl_depth.runtime.delegates.spec import ONNXRUNTIME_QNN
from tfl_depth.runtime.engines.engine import Engine, EngineConfig, fault_of
from tfl_depth.runtime.engines.ep_context import ContextTensor, ep_context_file
from tfl_depth.runtime.engines.whole_model import read_whole_model
from tfl_depth.runtime.output_layout import Tensors
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels, write_input

# Of ONNX Runtime's log, which goes to standard error.
_ERRORS_ONLY = 3
# For what concerns the whole process: a library can be registered once.
_OPENING = threading.Lock()


class HtpSession:
    """A session of ONNX Runtime that runs an NPU's program, and nothing else.

    Attributes:
        known: the facts of the model.
    """

    def __init__(self, model: bytes, contract: Contract, options: Mapping[str, str]) -> None:
        """Load the program.

        Args:
            model: a .tflite file's bytes, compiled for a Hexagon.
            contract: of the model.
            options: of the QNN part.

        Raises:
            DelegateError: a package is missing, there is no NPU, or it refuses the program.
            ModelFileError: the model is not compiled for a Hexagon, or not whole.
            ContractError: the model does not match its contract.
        """
        self.known = read_whole_model(model, contract, ONNXRUNTIME_QNN)
        self._input, self._names = contract.input_name, [*self.known.outputs]
        program = read_htp_program(model)
        file = ep_context_file(
            program,
            _form(self._input, self.known.source),
            [_form(name, detail) for name, detail in self.known.outputs.items()],
        )
        self._session = _open(file, program.chip, options)

    def run(self, values: npt.NDArray[np.int8]) -> Tensors:
        """Compute the outputs, by name, of an input tensor (1, height, width, 3)."""
        found = self._session.run(self._names, {self._input: values})
        return dict(zip(self._names, found, strict=True))


class OnnxruntimeQnnEngine(Engine):
    """Runs a model that `convert --target qnn-...` has compiled entirely for a Hexagon."""

    def __init__(self, config: EngineConfig, delegate: SelectedDelegate) -> None:
        """Load the program.

        Raises:
            DelegateError, ModelFileError, ContractError: as `HtpSession`.
        """
        self._delegate = delegate
        session = HtpSession(config.model, config.contract, delegate.options)
        # None once it is closed; no frame runs then.
        self._session: Any = session
        self.info = session.known.info
        self._layout = self.info.layout
        source = session.known.source
        self._pixels: npt.NDArray[Any] = np.empty(source["shape"], source["dtype"])
        self._found: Tensors = {}

    def write(self, pixels: Pixels | Codes, channels: Channels) -> None:
        """Write into the array of the input."""
        write_input(pixels, channels, self._pixels[0])

    def invoke(self) -> float:
        """Run the program."""
        begin_s = perf_counter()
        try:
            self._found = self._session.run(self._pixels)
        except Exception as error:  # ONNX Runtime's errors have no class in common
            raise fault_of(self._delegate, f"failed at a frame: {_said(error)}") from error
        return perf_counter() - begin_s

    def collect(self, codes: npt.NDArray[Any]) -> None:
        """Copy from the arrays of the outputs."""
        self._layout.collect(self._found, codes)

    def _close(self) -> None:
        """Free the session's memory."""
        self._session, self._found = None, {}


def _form(name: str, detail: Mapping[str, Any]) -> ContextTensor:
    return ContextTensor(name, [int(side) for side in detail["shape"]])


def _open(file: bytes, chip: str, options: Mapping[str, str]) -> Any:
    runtime, qnn = _package("onnxruntime"), _package("onnxruntime_qnn")
    device = _device(runtime, qnn)
    settings = runtime.SessionOptions()
    settings.log_severity_level = _ERRORS_ONLY
    # Otherwise the CPU would be asked to run what the NPU refuses.
    settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    given = {"backend_path": qnn.get_qnn_htp_path(), **options}
    try:
        settings.add_provider_for_devices([device], given)
        with _OPENING, _output_with_errors():
            return runtime.InferenceSession(file, settings)
    except Exception as error:  # ONNX Runtime's errors have no class in common
        raise DelegateError(
            f"The delegate {ONNXRUNTIME_QNN} cannot run this model ({_said(error)}). It is "
            f"compiled for {chip or 'a chip that it does not name'}: check that it is the board's "
            "chip, and see tfl-depth convert --target qnn-...."
        ) from error


@contextlib.contextmanager
def _output_with_errors() -> Iterator[None]:
    """Lead descriptor 1 to 2: Qualcomm's emulation prints a line, which a command's JSON is not."""
    try:
        usual = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed
        yield
        return
    try:
        yield
    finally:
        os.dup2(usual, 1)
        os.close(usual)


def _device(runtime: Any, qnn: Any) -> Any:
    """The NPU, or the processor that emulates it."""
    name = qnn.get_ep_name()
    with _OPENING:
        found = _devices(runtime, name)
        if not found:
            runtime.register_execution_provider_library(name, qnn.get_library_path())
            found = _devices(runtime, name)
    kinds = runtime.OrtHardwareDeviceType
    for kind in (kinds.NPU, kinds.CPU):
        for each in found:
            if each.device.type == kind:
                return each
    raise DelegateError(
        f"The delegate {ONNXRUNTIME_QNN} finds no Hexagon here. Check that there is "
        "/dev/fastrpc-cdsp, and that this user may read and write it."
    )


def _devices(runtime: Any, name: str) -> list[Any]:
    return [each for each in runtime.get_ep_devices() if each.ep_name == name]


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DelegateError(
            f"The delegate {ONNXRUNTIME_QNN} needs the package {name}, which cannot be imported "
            f"({error}): pip install onnxruntime {ONNXRUNTIME_QNN}."
        ) from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
