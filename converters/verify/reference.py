"""The depth of the source network, as the reference for comparisons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ConversionError

Pixels = npt.NDArray[np.uint8]
DepthM = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SourceDepth:
    """The source network in its own framework, from pixels to meters.

    Attributes:
        run: computes all outputs of the source, in its order, from one input (1, ...) float32.
        output: index of the depth among the outputs.
        as_input: converts pixels (H, W, 3), RGB, to the source's input.
        in_meters: converts the output to meters.
    """

    run: Callable[[npt.NDArray[np.float32]], list[npt.NDArray[Any]]]
    output: int
    as_input: Callable[[Pixels], npt.NDArray[np.float32]]
    in_meters: Callable[[DepthM], DepthM]

    def __call__(self, pixels: Pixels) -> DepthM:
        """Compute depth (h, w) in meters, not clipped, of pixels (H, W, 3) uint8 RGB."""
        return self.in_meters(self.output_map(pixels))

    def output_map(self, pixels: Pixels) -> DepthM:
        """Compute the source's output (h, w) of pixels (H, W, 3) uint8 RGB, before the formula."""
        return as_map(np.asarray(self.run(self.as_input(pixels))[self.output], np.float64))


def as_map(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Remove the dimensions of 1 from a network's output: (h, w).

    Raises:
        ConversionError: the output is not one map.
    """
    sizes = [size for size in values.shape if size != 1]
    if len(sizes) > 2:
        raise ConversionError(
            f"Expected one map of depth, as (1, H, W, 1), got an output of shape {values.shape}: "
            "choose the depth with --output-name."
        )
    sizes = [1] * (2 - len(sizes)) + sizes
    return values.reshape(sizes)
