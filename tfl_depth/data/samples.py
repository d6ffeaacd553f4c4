"""The sample type of all loaders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.intrinsics import Intrinsics


@dataclass(frozen=True, repr=False)
class Sample:
    """An image with its depth.

    Attributes:
        name: unique within the split.
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32, meters along the optical axis; 0 = no reading.
        valid: (H, W) bool: there is a reading, inside of the dataset's range and crop.
        intrinsics: of the camera that took `rgb`, in its pixels, or None if unknown.
        marked: how many pixels of the depth file had another mark of "no reading" than 0.
    """

    name: str
    rgb: npt.NDArray[np.uint8]
    depth_m: npt.NDArray[np.float32]
    valid: npt.NDArray[np.bool_]
    intrinsics: Intrinsics | None = None
    marked: int = 0

    def __repr__(self) -> str:
        height, width = self.depth_m.shape
        return f"<Sample {self.name}: {height}x{width}, depth in {self.valid.mean():.0%}>"
