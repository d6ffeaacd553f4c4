"""The codes of one frame: how they lie in memory once they have left the interpreter's tensors.

The interpreter may run again as soon as its outputs are collected. A `DepthDecoder` decodes the
codes afterwards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.format.contract import Contract

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class OutputLayout(ABC):
    """How the codes of one frame lie in memory. It keeps no state.

    Attributes:
        size: (height, width) of the outputs.
    """

    size: tuple[int, int]

    @abstractmethod
    def new_codes(self) -> npt.NDArray[Any]:
        """Make an array for the codes of one frame."""

    @abstractmethod
    def collect(self, outputs: Tensors, codes: npt.NDArray[Any]) -> None:
        """Copy output tensors (1, H, W, 1), by name, into an array of `new_codes`."""

    @abstractmethod
    def tensors(self, codes: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return the outputs (H, W) by name, in the tensors' types: the inverse of `collect`."""


class TwoCodesLayout(OutputLayout):
    """Both outputs of the INT8 split, interleaved."""

    def new_codes(self) -> npt.NDArray[np.uint16]:
        """(H, W): 256 * integer + fractional, in the order of a little-endian machine.

        Both are bytes as they lie in the tensors, whose highest bit is the code's flipped.
        """
        return np.empty(self.size, "<u2")

    def collect(self, outputs: Tensors, codes: npt.NDArray[np.uint16]) -> None:
        """Interleave both tensors (1, H, W, 1) int8."""
        pairs = codes[..., None].view(np.int8)
        cv2.merge([outputs["fractional"][0], outputs["integer"][0]], pairs)

    def tensors(self, codes: npt.NDArray[np.uint16]) -> dict[str, npt.NDArray[np.int8]]:
        """Separate the pairs."""
        pairs = codes[..., None].view(np.int8)
        return {"integer": pairs[..., 1], "fractional": pairs[..., 0]}


class OneCodeLayout(OutputLayout):
    """The single INT8 output, as bytes (H, W)."""

    def new_codes(self) -> npt.NDArray[np.uint8]:
        """Make an array (H, W) uint8."""
        return np.empty(self.size, np.uint8)

    def collect(self, outputs: Tensors, codes: npt.NDArray[np.uint8]) -> None:
        """Copy the bytes."""
        np.copyto(codes, outputs["depth"][0, ..., 0].view(np.uint8))

    def tensors(self, codes: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int8]]:
        """View the bytes as int8."""
        return {"depth": codes.view(np.int8)}


@dataclass(frozen=True)
class FloatLayout(OutputLayout):
    """Outputs in floating point, (outputs, H, W).

    Attributes:
        names: of the outputs, in the order of the array.
    """

    names: tuple[str, ...]

    def new_codes(self) -> npt.NDArray[np.float32]:
        """Make an array (outputs, H, W) float32."""
        return np.empty((len(self.names), *self.size), np.float32)

    def collect(self, outputs: Tensors, codes: npt.NDArray[np.float32]) -> None:
        """Copy each output."""
        for name, values in zip(self.names, codes, strict=True):
            np.copyto(values, outputs[name][0, ..., 0])

    def tensors(self, codes: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        """Return each output."""
        return dict(zip(self.names, codes, strict=True))


def output_layout(contract: Contract, size: tuple[int, int]) -> OutputLayout:
    """Choose the layout of the outputs that a contract describes.

    Args:
        contract: of the model.
        size: (height, width) of the outputs.
    """
    if contract.precision != "int8":
        return FloatLayout(size, contract.output_names)
    return TwoCodesLayout(size) if contract.head == "split" else OneCodeLayout(size)
