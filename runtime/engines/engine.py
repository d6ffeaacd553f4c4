"""What runs the network: pixels of its size in, the codes of its outputs out."""

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
from tfl_depth.runtime.postprocess import DepthDecoder, depth_decoder
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels


@dataclass(frozen=True)
class EngineConfig:
    """What an engine is opened with.

    Attributes:
        model: a .tflite file's bytes.
        contract: the one in it.
        delegate: what takes operators from the CPU, or None.
        num_threads: for CPU kernels; None takes every core this process may use.
        xnnpack: use XNNPACK's kernels for what no delegate takes.
    """

    model: bytes
    contract: Contract
    delegate: SelectedDelegate | None
    num_threads: int | None
    xnnpack: bool


@dataclass(frozen=True)
class EngineInfo:
    """What is known of an engine's model once it is open.

    Attributes:
        contract: what the file says of itself.
        coverage: where its operators run.
        grid_size: (height, width) of its outputs.
        scales: quantization (scale, zero point) of each output, by name; scale 0 for float32.
    """

    contract: Contract
    coverage: DelegateCoverage
    grid_size: tuple[int, int]
    scales: dict[str, tuple[float, int]]

    def new_input(self) -> Pixels | Codes:
        """Make an array for one frame, (height, width, 3), that `write_input` fills and takes."""
        shape = (self.contract.height, self.contract.width, 3)
        quantized = self.contract.precision == "int8"
        return np.empty(shape, np.int8) if quantized else np.empty(shape, np.uint8)

    def new_decoder(self, correction: DepthCorrection = AS_IT_IS) -> DepthDecoder:
        """Make what collects and decodes the outputs, with working memory of its own."""
        return depth_decoder(self.contract, self.scales, self.grid_size, correction)


class Engine(Closeable):
    """Runs the network on a frame: `write`, `invoke`, `collect`, one thread at a time.

    Attributes:
        info: what is known of its model.
    """

    info: EngineInfo

    @abstractmethod
    def write(self, pixels: Pixels | Codes, channels: Channels) -> None:
        """Write what `write_input` takes, of the network's size."""

    @abstractmethod
    def invoke(self) -> float:
        """Compute.

        Returns:
            Seconds that the interpreter took.

        Raises:
            DelegateError: the delegate failed.
            InterpreterError: the interpreter did, without a delegate.
        """

    @abstractmethod
    def collect(self, codes: npt.NDArray[Any]) -> None:
        """Copy the outputs into what `DepthDecoder.new_codes` has made."""


def fault_of(delegate: SelectedDelegate | None, what: str) -> InterpreterError:
    """What to say where an interpreter fails that was open already."""
    if delegate is None:
        return InterpreterError(f"The interpreter {what}.")
    return DelegateError(
        f"The delegate {delegate.name} {what}. Run without it, or let the CPU go on by "
        'on_fault="cpu".'
    )
