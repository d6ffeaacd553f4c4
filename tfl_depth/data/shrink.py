"""Show images smaller, as a camera of a shorter focal length does, and keep their depth metric.

A camera of z times the focal length shows everything z times as large. A network that knows one
camera reads that as depth divided by z (`augment`); here z is below 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.runtime.fit import PAD_PIXEL

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shrinking:
    """How many images are shown smaller, and how small.

    Attributes:
        min_zoom: above 0 to 1, how small an image is at least; 1 = as large as before.
        share: 0 to 1, the share of the images that are shown smaller.
    """

    min_zoom: float
    share: float


def shrunken(
    pixels: Floats, depth_m: Floats, shrinking: Shrinking, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Show an image smaller, at a random place; its depth grows by as much.

    Half of the images lie inside a gray border without depth, as `fit="pad"` shows them. The other
    half are mirrored at their sides, so that a network must read the scale from what it sees and
    not from a border.

    Args:
        pixels: (H, W, 3) 0 to 255.
        depth_m: (h, w, C) in meters, 0 = not valid; H and W are the same multiple of h and w.
        shrinking: how small, and for which share of the calls.
        rng: source of the random numbers.

    Returns:
        Pixels and depth of the same shapes.
    """
    if rng.random() >= shrinking.share:
        return pixels, depth_m
    zoom = shrinking.min_zoom ** rng.random()
    height, width = depth_m.shape[:2]
    step = pixels.shape[0] // height
    small_h, small_w = max(1, round(height * zoom)), max(1, round(width * zoom))
    top = int(rng.integers(height - small_h + 1))
    left = int(rng.integers(width - small_w + 1))
    bottom, right = height - small_h - top, width - small_w - left
    mode = cv2.BORDER_CONSTANT if rng.random() < 0.5 else cv2.BORDER_REFLECT

    def framed(values: Floats, scale: int, border: float) -> Floats:
        sides = (scale * top, scale * bottom, scale * left, scale * right)
        color = (border,) * 4
        return np.asarray(cv2.copyMakeBorder(values, *sides, mode, value=color), np.float32)

    small = cv2.resize(pixels, (step * small_w, step * small_h), interpolation=cv2.INTER_AREA)
    near_m = cv2.resize(depth_m, (small_w, small_h), interpolation=cv2.INTER_NEAREST)
    shown_zoom = np.float32(np.sqrt(small_h * small_w / height / width))
    far_m = near_m.reshape(small_h, small_w, -1) / shown_zoom
    shown = np.rint(framed(np.asarray(small, np.float32), step, PAD_PIXEL))
    return shown, framed(far_m, 1, 0).reshape(depth_m.shape)
