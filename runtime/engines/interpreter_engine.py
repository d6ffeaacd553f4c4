"""A TensorFlow Lite interpreter in this process."""

from __future__ import annotations

from time import perf_counter, sleep
from typing import Any

import numpy.typing as npt

from tfl_depth.runtime.engines.binding import bind, expect_declared_shapes
from tfl_depth.runtime.engines.engine import Engine, EngineConfig, EngineInfo, fault_of
from tfl_depth.runtime.engines.interpreter import open_with_delegate
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels, write_input

# Of the interpreter's error if a view of a tensor exists.
_VIEW_EXISTS = "reference to internal data"
# A sampling profiler in another thread, as each worker of Dask has, keeps the variables of a
# function for a moment after its end. So a view that exists may be gone soon.
_VIEW_PATIENCE_S, _VIEW_PAUSE_S = 1.0, 0.001


class InterpreterEngine(Engine):
    """Runs an interpreter in this process. A crash of the delegate ends the process."""

    def __init__(self, config: EngineConfig) -> None:
        """Open the model.

        Raises:
            InterpreterError: as `open_with_delegate`.
            ContractError: the model does not match its contract.
            ModelFileError: its kernels compute other shapes than the file declares.
        """
        self._delegate = config.delegate
        self._interpreter, coverage = open_with_delegate(
            config.model,
            config.delegate,
            num_threads=config.num_threads,
            xnnpack=config.xnnpack,
        )
        expect_declared_shapes(self._interpreter, config.model)
        source, outputs = bind(self._interpreter, config.contract)
        _, height, width, _ = outputs[config.contract.output_names[0]]["shape"]
        scales = {name: detail["quantization"] for name, detail in outputs.items()}
        self.info = EngineInfo(config.contract, coverage, (int(height), int(width)), scales)
        self._layout = self.info.layout
        # Functions that return a view of a tensor.
        tensor = self._interpreter.tensor
        self._input: Any = tensor(source["index"])
        self._outputs = {name: tensor(detail["index"]) for name, detail in outputs.items()}

    # No view of a tensor may exist when the interpreter is invoked, not even in the traceback of a
    # kept error. So `write` and `collect` do nothing that can fail.

    def write(self, pixels: Pixels | Codes, channels: Channels) -> None:
        """Write into the input tensor."""
        write_input(pixels, channels, self._input()[0])

    def invoke(self) -> float:
        """Invoke the interpreter."""
        begin_s = perf_counter()
        while not self._is_invoked(begin_s + _VIEW_PATIENCE_S):
            sleep(_VIEW_PAUSE_S)
        return perf_counter() - begin_s

    def _is_invoked(self, end_s: float) -> bool:
        """Invoke the interpreter; False if a view exists, which `end_s` makes an error."""
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            if _VIEW_EXISTS in str(error) and perf_counter() < end_s:
                return False
            said = str(error).strip().rstrip(".")
            raise fault_of(self._delegate, f"failed at a frame: {said}") from error
        return True

    def collect(self, codes: npt.NDArray[Any]) -> None:
        """Copy from the output tensors."""
        self._layout.collect({name: view() for name, view in self._outputs.items()}, codes)

    def _close(self) -> None:
        """Free the interpreter's memory."""
        self._interpreter = self._input = None
        self._outputs = {}
