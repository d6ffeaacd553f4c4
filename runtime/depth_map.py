"""A depth map that shows itself in a notebook."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tfl_depth.encoding import DepthMm
from tfl_depth.png import as_png
from tfl_depth.runtime.colorize import colorize, depth_percentiles

# Of a picture in a notebook, in pixels.
WIDEST = 800


class DepthMap(np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger[Any]]]):
    """Depth (H, W) in millimeters, uint16 or uint32, 0 = no depth: an array of numpy.

    A notebook shows it as a picture with a scale in meters. A part of it is a `DepthMap` as well;
    what is computed from it is a plain array.
    """

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Make results of numpy's functions plain arrays and numbers."""
        if array is self:  # the result of an operation in place
            return array
        plain = np.asarray(array)
        return plain if plain.ndim else plain[()]

    @property
    def _is_map(self) -> bool:
        return self.ndim == 2 and self.size > 0 and self.dtype.kind == "u"

    def __repr__(self) -> str:
        if not self._is_map:
            return repr(np.asarray(self))
        return f"<DepthMap {depth_text(self)}>"

    def _repr_png_(self) -> bytes | None:
        """The picture that a notebook shows."""
        return depth_png(self) if self._is_map else None


def depth_text(depth_mm: DepthMm) -> str:
    """The size of a depth map, its range and its median, in a line.

    Args:
        depth_mm: (H, W) millimeters.
    """
    size = "{}x{}".format(*depth_mm.shape)
    found = depth_percentiles(depth_mm, (0, 50, 100))
    if found is None:
        return f"{size}, no depth"
    near, middle, far = (each / 1000 for each in found)
    missing = 1 - np.count_nonzero(depth_mm) / depth_mm.size
    without = f", {missing:.1%} without depth" if missing else ""
    return f"{size}, {near:.2f} to {far:.2f} m, median {middle:.2f} m{without}"


def depth_png(depth_mm: DepthMm) -> bytes:
    """Depth in colors with a scale in meters, as a PNG file of at most `WIDEST` columns.

    Args:
        depth_mm: (H, W) millimeters.
    """
    plain = np.asarray(depth_mm)
    height, width = plain.shape
    if width > WIDEST:
        # The nearest pixel: a mean of depth and no depth would be neither.
        size = (WIDEST, max(1, round(height * WIDEST / width)))
        small = cv2.resize(plain.astype(np.float32), size, interpolation=cv2.INTER_NEAREST)
        plain = small.astype(plain.dtype)
    return as_png(colorize(plain))
