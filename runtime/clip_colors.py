"""Colors for the frames of a clip: one range, so that a color means one depth."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from tfl_depth.choices import expect_choice
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import DepthError
from tfl_depth.runtime.colorize import Colormap, colorize, depth_limits

# Meters of the first and the last color; "auto": see `ClipColors`.
ColorRange = tuple[float, float] | Literal["auto"]


class ClipColors:
    """Colors depth frame by frame, as `colorize`, and keeps the range of the first frame."""

    def __init__(self, range: ColorRange = "auto", colormap: Colormap = "cividis") -> None:
        """Choose the colors.

        Args:
            range: (near, far) in meters; "auto": the 2nd and the 98th percentile of the first frame
                that has depth.
            colormap: as for `colorize`.

        Raises:
            DepthError: no such range or colormap.
        """
        expect_choice("colormap", colormap, Colormap)
        self._limits_mm = None if range == "auto" else limits_mm(range)
        self._colormap: Colormap = colormap

    def __repr__(self) -> str:
        limits = self._limits_mm
        shown = "auto" if limits is None else f"{limits[0] / 1000:g} to {limits[1] / 1000:g} m"
        return f"<ClipColors {self._colormap}, {shown}>"

    def __call__(self, depth_mm: DepthMm) -> npt.NDArray[np.uint8]:
        """Color the next frame, (H, W) millimeters: (H + legend, W, 3) uint8 BGR."""
        if self._limits_mm is None and depth_mm.any():
            self._limits_mm = depth_limits(depth_mm)
        return colorize(depth_mm, *(self._limits_mm or ()), colormap=self._colormap)


def limits_mm(range_m: tuple[float, float]) -> tuple[int, int]:
    """Meters of the first and the last color in millimeters.

    Raises:
        DepthError: they are not two numbers from 0, the second above the first.
    """
    try:
        near_m, far_m = map(float, range_m)
    except (TypeError, ValueError):
        near_m = far_m = 0.0
    if not 0 <= near_m < far_m < float("inf"):
        raise DepthError(
            f'Expected `range` to be "auto" or meters like (0.5, 10), got {range_m!r}.'
        )
    return round(1000 * near_m), round(1000 * far_m)
