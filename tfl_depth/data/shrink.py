"""Show images smaller, like a camera with a shorter focal length, and keep their depth metric.

A camera with z times the focal length shows everything z times as large. A network that knows one
camera reads it as depth divided by z (see `augment`). Here z is below 1.
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
    """The share of images that are shown smaller, and their smallest size.

    Attributes:
        min_zoom: the smallest factor of an image's size, above 0 to 1; 1 = unchanged.
        share: share of the images that are shown smaller, 0 to 1.
    """

    min_zoom: float
    share: float


def shrunken(
    pixels: Floats, depth_m: Floats, shrinking: Shrinking, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Show an image smaller, at a random place. Its depth grows by the same factor.

    Half of the images have a gray border without depth, as with `fit="pad"`. The other half are
    continued by their mirror image, so that a network learns the scale from objects and not from
    a border.

    Args:
        pixels: (H, W, 3) 0 to 255.
        depth_m: (h, w, C) in meters, 0 = not valid; H and W are the same multiple of h and w.
        shrinking: the smallest size, and the share of the calls that change an image.
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
