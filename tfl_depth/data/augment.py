"""Augmentation that keeps depth metric.

An enlarged crop shows everything nearer. For a pinhole camera, magnification by z is the same as a
focal length times z. A network that knows one camera reads it as depth divided by z.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.data.samples import Sample
from tfl_depth.runtime.fit import DEFAULT_FIT, PAD_PIXEL, fit_frame
from tfl_depth.runtime.preprocess import resize_pixels

MAX_ROTATION_DEG = 5.0
MAX_STRETCH = 1.08


@dataclass(frozen=True)
class Augmentation:
    """The largest changes of a training image.

    Attributes:
        max_zoom: the largest factor by which a crop is enlarged and its depth divided; 1 = never.
        zoom_share: share of the images that are cropped, 0 to 1. Below 1, some stay whole as the
            camera took them.
    """

    max_zoom: float = 1.5
    zoom_share: float = 1.0


def plain(
    sample: Sample, size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Resize a sample to the network's grid, as the runtime does.

    Args:
        sample: the sample.
        size: (height, width) of the grid.

    Returns:
        Pixels (H, W, 3) float32 0 to 255 and depth (H, W, 1) float32 in meters, 0 = not valid.
    """
    rgb, depth_m = _of_aspect(sample, size)
    return resize_pixels(rgb, size).astype(np.float32), _depth_on_grid(depth_m, size)


def augmented(
    sample: Sample, size: tuple[int, int], augmentation: Augmentation, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Like `plain`, after a random rotation, crop, mirroring, and change of light and color."""
    rgb, depth_m = _of_aspect(sample, size)
    if rng.random() < 0.5:
        rgb, depth_m = _rotate(rgb, depth_m, rng.uniform(-MAX_ROTATION_DEG, MAX_ROTATION_DEG))
    if rng.random() < augmentation.zoom_share:
        rgb, depth_m = _zoom(rgb, depth_m, augmentation.max_zoom, rng)
    if rng.random() < 0.5:
        rgb, depth_m = rgb[:, ::-1], depth_m[:, ::-1]
    pixels = resize_pixels(np.ascontiguousarray(rgb), size).astype(np.float32)
    return _recolor(pixels, rng), _depth_on_grid(np.ascontiguousarray(depth_m), size)


def _of_aspect(
    sample: Sample, size: tuple[int, int]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """The photo and its valid depth, 0 elsewhere, fitted to the grid's aspect as by the runtime."""
    rgb, depth_m = sample.rgb, np.where(sample.valid, sample.depth_m, np.float32(0))
    height, width = depth_m.shape
    place = fit_frame((height, width), size, DEFAULT_FIT)
    if place.is_whole:
        return rgb, depth_m
    above, before = (
        round(border * whole / part)
        for border, whole, part in zip(
            place.model[:2], place.frame.size, place.model.size, strict=True
        )
    )
    borders = (above, above, before, before, cv2.BORDER_CONSTANT)
    padded = cv2.copyMakeBorder(rgb, *borders, value=(PAD_PIXEL,) * 3)
    empty = cv2.copyMakeBorder(depth_m, *borders, value=0)
    return np.asarray(padded, np.uint8), np.asarray(empty, np.float32)


def _depth_on_grid(
    depth_m: npt.NDArray[np.float32], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    # Nearest, since a mean over a depth edge or over a missing reading is the depth of no object.
    grid = cv2.resize(depth_m, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(grid, np.float32)[..., None]


def _rotate(
    rgb: npt.NDArray[np.uint8], depth_m: npt.NDArray[np.float32], degrees: float
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    height, width = depth_m.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(rgb, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    depth = cv2.warpAffine(depth_m, matrix, (width, height), flags=cv2.INTER_NEAREST)
    return np.asarray(turned, np.uint8), np.asarray(depth, np.float32)


def _zoom(
    rgb: npt.NDArray[np.uint8],
    depth_m: npt.NDArray[np.float32],
    max_zoom: float,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Crop a window 1/z as large; the later resize to the grid enlarges it by z."""
    height, width = depth_m.shape
    zoom = max_zoom ** rng.random()
    stretch = MAX_STRETCH ** rng.uniform(-1, 1)
    window_h = min(height, round(height / zoom * stretch))
    window_w = min(width, round(width / zoom / stretch))
    top = int(rng.integers(height - window_h + 1))
    left = int(rng.integers(width - window_w + 1))
    window = np.s_[top : top + window_h, left : left + window_w]
    # From the areas, since the stretch of one axis changes the shape and not the distance.
    magnification = np.sqrt(height * width / (window_h * window_w))
    return rgb[window], depth_m[window] / np.float32(magnification)


def _recolor(pixels: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Change exposure, gamma, white balance, contrast and saturation, and add some sensor noise."""
    gamma = 1.4 ** rng.uniform(-1, 1)
    pixels = np.asarray(255 * (pixels / 255) ** gamma, np.float32)
    pixels = pixels * rng.uniform(0.75, 1.25) * rng.uniform(0.9, 1.1, 3).astype(np.float32)
    gray = pixels.mean(axis=-1, keepdims=True)
    pixels = gray + (pixels - gray) * np.float32(rng.uniform(0.4, 1.4) if rng.random() < 0.9 else 0)
    mean = pixels.mean()
    pixels = mean + (pixels - mean) * np.float32(rng.uniform(0.75, 1.25))
    if rng.random() < 0.3:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32)
        pixels = pixels + noise * np.float32(rng.uniform(0, 6))
    # Whole numbers, as from a camera and in a uint8 input tensor.
    return np.clip(np.rint(pixels), 0, 255).astype(np.float32)
