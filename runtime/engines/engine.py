"""The interface of engines, which run the network: from pixels to the codes of its outputs."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import AS_IT_IS, DepthCorrection
from tfl_depth.errors import DelegateError, InterpreterError
from tfl_depth.format.contract import Contract
from tfl_depth.runtime.closeable import Closeable
from tfl_depth.runtime.delegates.coverage import DelegateCoverage
from tfl_depth.runtime.delegates.selected import SelectedDelegate
from tfl_depth.runtime.output_layout import OutputLayout, output_layout
from tfl_depth.runtime.postprocess import DepthDecoder, depth_decoder
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels


@dataclass(frozen=True)
class EngineConfig:
    """Configuration of an engine.

    Attributes:
        model: a .tflite file's bytes.
        contract: of the model.
        delegate: runs operators instead of the CPU; None for the CPU alone.
        num_threads: for CPU kernels; None: all cores that this process may use.
        xnnpack: use XNNPACK's kernels for operators that no delegate takes.
    """

    model: bytes
    contract: Contract
    delegate: SelectedDelegate | None
    num_threads: int | None
    xnnpack: bool


@dataclass(frozen=True)
class EngineInfo:
    """Facts of an engine's model, known after it was opened.

    Attributes:
        contract: of the model.
        coverage: where the operators run.
        grid_size: (height, width) of its outputs.
        scales: quantization (scale, zero point) of each output, by name; scale 0 for float32.
    """

    contract: Contract
    coverage: DelegateCoverage
    grid_size: tuple[int, int]
    scales: dict[str, tuple[float, int]]

    def new_input(self) -> Pixels | Codes:
        """Make an array for one frame, (height, width, 3), as output or input of `write_input`."""
        shape = (self.contract.height, self.contract.width, 3)
        quantized = self.contract.precision == "int8"
        return np.empty(shape, np.int8) if quantized else np.empty(shape, np.uint8)

    @property
    def layout(self) -> OutputLayout:
        """How the codes of a frame lie in memory."""
        return output_layout(self.contract, self.grid_size)

    def new_decoder(self, correction: DepthCorrection = AS_IT_IS) -> DepthDecoder:
        """Make a decoder of the codes, with working memory of its own."""
        return depth_decoder(self.contract, self.scales, self.grid_size, correction)


class Engine(Closeable):
    """Runs the network on a frame: `write`, `invoke`, `collect`, one thread at a time.

    Attributes:
        info: what is known of its model.
    """

    info: EngineInfo

    @abstractmethod
    def write(self, pixels: Pixels | Codes, channels: Channels) -> None:
        """Write pixels of the network's size, as `write_input` takes them."""

    @abstractmethod
    def invoke(self) -> float:
        """Run the network.

        Returns:
            Seconds of the interpreter.

        Raises:
            DelegateError: the delegate failed.
            InterpreterError: the interpreter failed, without a delegate.
        """

    @abstractmethod
    def collect(self, codes: npt.NDArray[Any]) -> None:
        """Copy the outputs into an array of `OutputLayout.new_codes`."""


def fault_of(delegate: SelectedDelegate | None, what: str) -> InterpreterError:
    """Make the error of an interpreter that fails after it was opened."""
    if delegate is None:
        return InterpreterError(f"The interpreter {what}.")
    return DelegateError(
        f"The delegate {delegate.name} {what}. Run without it, or let the CPU continue with "
        'on_fault="cpu".'
    )
