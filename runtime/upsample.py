"""Depth from the network's grid to the size of the image."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.runtime.buffers import ReusableBuffer

_ALL_ONES = 0xFFFF


class Upsampler:
    """Resizes millimeters bilinearly. A result that would use a 0 (no depth) is 0.

    It keeps its working memory for the next frame. Only one thread may use it.
    """

    def __init__(self) -> None:
        # One buffer each for the grid and for the image.
        self._floats = ReusableBuffer(np.float32), ReusableBuffer(np.float32)
        self._masks = ReusableBuffer(np.uint16), ReusableBuffer(np.uint16)
        self._flags = ReusableBuffer(np.bool_), ReusableBuffer(np.bool_)

    def __call__(self, depth_mm: DepthMm, out: DepthMm, *, zeros: int) -> None:
        """Resize a depth map.

        Args:
            depth_mm: (h, w) uint16 or uint32, 0 = no depth.
            out: (H, W) of the same dtype, C-contiguous; the result.
            zeros: number of zeros in `depth_mm`.
        """
        if depth_mm.dtype == np.uint16:
            _resize(depth_mm, out)
        else:
            self._resize_as_float(depth_mm, out)
        if zeros:
            self.spread_zeros(depth_mm, out)

    def _resize_as_float(self, depth_mm: DepthMm, out: DepthMm) -> None:
        # OpenCV 4 has no uint32. float32 can represent all whole millimeters up to 16 km.
        source, resized = _each_of(self._floats, depth_mm, out)
        np.copyto(source, depth_mm)
        _resize(source, resized)
        np.rint(resized, out=resized)
        np.copyto(out, resized, casting="unsafe")

    def spread_zeros(self, depth_mm: DepthMm, out: DepthMm) -> None:
        """Write 0 into `out` where a bilinear result would use a 0 of `depth_mm`."""
        source, resized = _each_of(self._masks, depth_mm, out)
        present, touched = _each_of(self._flags, depth_mm, out)
        np.not_equal(depth_mm, 0, out=present)
        source.fill(0)
        np.copyto(source, _ALL_ONES, where=present)
        # A result of all ones means that no 0 had a weight: a weight of 1/131070 clears a bit, and
        # a smaller one changes no 16-bit depth by half a millimeter.
        _resize(source, resized)
        np.not_equal(resized, _ALL_ONES, out=touched)
        np.copyto(out, 0, where=touched)


def _resize(source: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    cv2.resize(source, out.shape[::-1], out, 0, 0, cv2.INTER_LINEAR)


def _each_of(
    pair: tuple[ReusableBuffer, ReusableBuffer], depth_mm: DepthMm, out: DepthMm
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    return pair[0].of(depth_mm.shape), pair[1].of(out.shape)
