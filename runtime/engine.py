"""What runs the network: pixels of its size in, the codes of its outputs out."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.errors import DelegateError, InterpreterError
from tfl_depth.format.contract import Contract
from tfl_depth.runtime.binding import bind, expect_declared_shapes
from tfl_depth.runtime.closing import Closing
from tfl_depth.runtime.delegates.chosen import Chosen
from tfl_depth.runtime.interpreter import open_with_delegate
from tfl_depth.runtime.placement import Placement
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels, write_input
from tfl_depth.runtime.recombine import Recombiner, recombiner


@dataclass(frozen=True)
class Opening:
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
    delegate: Chosen | None
    num_threads: int | None
    xnnpack: bool


@dataclass(frozen=True)
class Form:
    """What is known of an engine's model once it is open.

    Attributes:
        contract: what the file says of itself.
        placement: where its operators run.
        grid_size: (height, width) of its outputs.
        scales: quantisation (scale, zero point) of each output, by name; scale 0 for float32.
    """

    contract: Contract
    placement: Placement
    grid_size: tuple[int, int]
    scales: dict[str, tuple[float, int]]

    def new_input(self) -> Pixels | Codes:
        """Make an array for one frame, (height, width, 3), that `write_input` fills and takes."""
        shape = (self.contract.height, self.contract.width, 3)
        quantized = self.contract.precision == "int8"
        return np.empty(shape, np.int8) if quantized else np.empty(shape, np.uint8)

    def new_recombiner(self) -> Recombiner:
        """Make what collects and decodes the outputs, with working memory of its own."""
        return recombiner(self.contract, self.scales, self.grid_size)


class Engine(Closing):
    """Runs the network on a frame: `write`, `invoke`, `collect`, one thread at a time.

    Attributes:
        form: what is known of its model.
    """

    form: Form

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
        """Copy the outputs into what `Recombiner.new_codes` has made."""


def fault_of(delegate: Chosen | None, what: str) -> InterpreterError:
    """What to say where an interpreter fails that was open already."""
    if delegate is None:
        return InterpreterError(f"The interpreter {what}.")
    return DelegateError(
        f"The delegate {delegate.name} {what}. Run without it, or let the CPU go on by "
        'on_fault="cpu".'
    )


class InterpreterEngine(Engine):
    """An interpreter in this process: what brings it down brings down all."""

    def __init__(self, opening: Opening) -> None:
        """Open the model.

        Raises:
            InterpreterError: as `open_with_delegate`.
            ContractError: the model does not keep its contract.
            ModelFileError: its tensors come out with other shapes than the file declares.
        """
        self._delegate = opening.delegate
        self._interpreter, placement = open_with_delegate(
            opening.model,
            opening.delegate,
            num_threads=opening.num_threads,
            xnnpack=opening.xnnpack,
        )
        expect_declared_shapes(self._interpreter, opening.model)
        source, outputs = bind(self._interpreter, opening.contract)
        _, height, width, _ = outputs[opening.contract.output_names[0]]["shape"]
        scales = {name: detail["quantization"] for name, detail in outputs.items()}
        self.form = Form(opening.contract, placement, (int(height), int(width)), scales)
        self._recombine = self.form.new_recombiner()
        # Each gives a view of its tensor when it is called, and is none itself.
        tensor = self._interpreter.tensor
        self._input: Any = tensor(source["index"])
        self._outputs = {name: tensor(detail["index"]) for name, detail in outputs.items()}

    # No view of a tensor may be left when the interpreter is invoked, not even in the traceback of
    # an error that somebody keeps: so `write` and `collect` do nothing that can fail.

    def write(self, pixels: Pixels | Codes, channels: Channels) -> None:
        """Write straight into the input tensor."""
        write_input(pixels, channels, self._input()[0])

    def invoke(self) -> float:
        """Invoke the interpreter."""
        begin_s = perf_counter()
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            said = str(error).strip().rstrip(".")
            raise fault_of(self._delegate, f"failed at a frame: {said}") from error
        return perf_counter() - begin_s

    def collect(self, codes: npt.NDArray[Any]) -> None:
        """Copy straight from the output tensors."""
        self._recombine.collect({name: view() for name, view in self._outputs.items()}, codes)

    def _close(self) -> None:
        """Free the interpreter's memory."""
        self._interpreter = self._input = None
        self._outputs = {}
