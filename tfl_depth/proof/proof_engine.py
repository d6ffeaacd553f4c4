"""The interface of engines of proof: they get a model and a frame, and return the raw tensors."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.proof.model_tensors import ModelTensors, read_model_tensors
from tfl_depth.runtime.closeable import Closeable
from tfl_depth.runtime.output_layout import Tensors
from tfl_depth.runtime.preprocess import Pixels, write_input


class ProofEngine(Closeable):
    """Computes the outputs of one model, one frame at a time. A context manager.

    Attributes:
        tensors: the model's input and outputs.
    """

    def __init__(self, model: bytes) -> None:
        """Open a model.

        Raises:
            InterpreterError: a part refuses the model.
            ModelFileError, ContractError: the file is damaged.
        """
        self.tensors: ModelTensors = read_model_tensors(model)

    def run(self, pixels: Pixels) -> Tensors:
        """Compute one frame.

        Args:
            pixels: (height, width, 3) uint8 in the size of the network's input, RGB.

        Returns:
            The outputs (1, H, W, 1) by the names of the contract, in the model's types.

        Raises:
            InterpreterError: a part fails.
        """
        values = np.empty((1, *pixels.shape), self.tensors.input_dtype)
        write_input(pixels, "rgb", values[0])
        return self.invoke(values)

    @abstractmethod
    def invoke(self, values: npt.NDArray[Any]) -> Tensors:
        """Like `run`, for the input tensor (1, height, width, 3) in the model's type."""

    def _close(self) -> None:
        """Release resources; by default there are none."""
