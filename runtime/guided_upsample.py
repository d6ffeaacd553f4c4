"""Depth at the size of the image, with edges where the photo has them.

The fast guided filter: K. He and J. Sun, "Fast Guided Filter" (2015), after K. He, J. Sun and X.
Tang, "Guided Image Filtering" (ECCV 2010). In each window of the network's grid, depth is fitted as
a linear function of the photo: depth = slope * photo + offset. The slopes and offsets are enlarged
bilinearly, and the function is computed with the photo at its full size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.runtime.buffers import ReusableBuffer
from tfl_depth.runtime.preprocess import Pixels
from tfl_depth.runtime.upsample import Upsampler

# Windows reach so many pixels of the grid to each side (docs/decisions/020-guided-enlargement.md).
RADIUS = 2
# Windows in which the photo, 0 to 1, deviates less than the root of this are smoothed.
EPSILON = 0.02
_GREEN = 1
_Floats = npt.NDArray[np.float32]


class GuidedUpsampler:
    """Resizes millimeters by a photo's edges. A result that would use a 0 (no depth) is 0.

    It keeps its working memory for the next frame. Only one thread may use it.

    Attributes:
        photo: of the next call, (H, W, 3) or (H, W) uint8, RGB or BGR: the same part of the frame
            as `out`.
    """

    def __init__(self) -> None:
        self.photo: Pixels = np.empty((0, 0), np.uint8)
        self._bilinear = Upsampler()
        self._guide, self._offset = ReusableBuffer(np.float32), ReusableBuffer(np.float32)
        self._slope = ReusableBuffer(np.float32)

    def __call__(self, depth_mm: DepthMm, out: DepthMm, *, zeros: int) -> None:
        """Resize a depth map.

        Args:
            depth_mm: (h, w) uint16 or uint32, 0 = no depth.
            out: (H, W) of the same dtype, the size of `photo`; the result, within the range of
                `depth_mm`.
            zeros: number of zeros in `depth_mm`.
        """
        if zeros == depth_mm.size:
            out.fill(0)
            return
        guide = self._guide.of(out.shape)
        np.multiply(_green(self.photo), np.float32(1 / 255), out=guide)
        slope, offset = _linear_parts(depth_mm, _smaller(guide, depth_mm.shape), bool(zeros))
        guided = _enlarged(slope, self._slope.of(out.shape))
        guided *= guide
        guided += _enlarged(offset, self._offset.of(out.shape))
        present = depth_mm[depth_mm > 0]
        np.clip(guided, present.min(), present.max(), out=guided)
        np.rint(guided, out=guided)
        np.copyto(out, guided, casting="unsafe")
        if zeros:
            self._bilinear.spread_zeros(depth_mm, out)


def _green(photo: Pixels) -> npt.NDArray[np.uint8]:
    """The channel that is in the middle of RGB and of BGR, and that cameras resolve best."""
    return photo if photo.ndim == 2 else photo[..., _GREEN]


def _linear_parts(depth_mm: DepthMm, guide: _Floats, has_zeros: bool) -> tuple[_Floats, _Floats]:
    """Slope and offset of depth as a function of the photo, (h, w) float32 each."""
    depth = depth_mm.astype(np.float32)
    mean = _mean_where(np.sign(depth)) if has_zeros else _mean
    guide_mean, depth_mean = mean(guide), mean(depth)
    variance = mean(guide * guide) - guide_mean * guide_mean
    slope = (mean(guide * depth) - guide_mean * depth_mean) / (variance + np.float32(EPSILON))
    return mean(slope), mean(depth_mean - slope * guide_mean)


def _mean_where(weight: _Floats) -> Callable[[npt.NDArray[np.floating[Any]]], _Floats]:
    """The mean in each window over the pixels of weight 1; others have weight 0."""
    share = np.maximum(_mean(weight), np.float32(1e-6))
    return lambda values: np.asarray(_mean(values * weight) / share, np.float32)


def _mean(values: npt.NDArray[np.floating[Any]]) -> _Floats:
    side = 2 * RADIUS + 1
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def _smaller(guide: _Floats, shape: tuple[int, ...]) -> _Floats:
    return np.asarray(cv2.resize(guide, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _enlarged(values: _Floats, out: _Floats) -> npt.NDArray[Any]:
    cv2.resize(values, out.shape[::-1], out, 0, 0, cv2.INTER_LINEAR)
    return out
