"""Convert a stranger, run it as its users do, and compare it with its source framework."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tests.networks.stranger import Floats, Stranger
from tfl_depth.converters import Conversion, ImageSplit
from tfl_depth.converters.pipeline import convert_network
from tfl_depth.converters.representative import read_pixels
from tfl_depth.runtime import DepthRunner

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Difference:
    """INT8 against the source framework in FP32, over all pixels of all photos, not clipped.

    Attributes:
        median_mm, p95_mm: of the absolute difference.
        spread_m: from the 5th to the 95th percentile of the source's depth.
    """

    median_mm: float
    p95_mm: float
    spread_m: float


def read_photos(photos: Sequence[Path], size: tuple[int, int]) -> Pixels:
    """Photos (n, H, W, 3) at a network's size, RGB, 0 to 255."""
    return np.stack([read_pixels(path, size) for path in photos])


def converted(stranger: Stranger, network: Any, images: ImageSplit, **options: Any) -> Conversion:
    """The conversion that a user asks for, who knows what `Stranger` says.

    Args:
        stranger: what is known of it.
        network: a file of it, or a Keras model.
        images: to calibrate and to verify with.
        options: of `convert`, which come before those of the stranger.
    """
    # With the unit: random weights may see depth at the bottom that is greater than at the top.
    known: dict[str, Any] = {"max_depth_m": stranger.max_depth_m, "unit": "m", **stranger.options}
    if stranger.mean is not None:
        known |= {"mean": stranger.mean, "std": stranger.std}
    if stranger.input_range is not None:
        known["input_range"] = stranger.input_range
    return convert_network(network, images=images, **{**known, **options})


def int8_depth(model: bytes, pixels: Pixels) -> Floats:
    """Depth (n, h, w) in meters of photos (n, H, W, 3), by the runtime."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(model)
        with DepthRunner(file, isolate=True) as runner:
            found = [runner.infer(photo, size="model", channels="rgb") for photo in pixels]
    return np.asarray(np.stack(found) / 1000, np.float32)


def keras_depth(stranger: Stranger, model: Any, pixels: Pixels) -> Floats:
    """Depth (n, h, w) in meters by Keras, of the output that is the depth."""
    outputs = model(stranger.as_input(pixels.astype(np.float32)), training=False)
    return as_maps(stranger, stranger.depth_of(outputs))


def as_maps(stranger: Stranger, output: Any) -> Floats:
    """A network's output as maps (n, h, w) of meters."""
    depth_m = np.asarray(stranger.to_meters(np.asarray(output, np.float32)))
    sides = [side for side in depth_m.shape[1:] if side > 1]
    return depth_m.reshape(-1, *sides)


def difference(source_m: Floats, int8_m: Floats) -> Difference:
    """Compare depths (n, h, w), at the source's size."""
    size = source_m.shape[1:]
    enlarged = [cv2.resize(each, size[::-1], interpolation=cv2.INTER_LINEAR) for each in int8_m]
    error_mm = 1000 * np.abs(np.stack(enlarged) - source_m)
    low_m, high_m = np.percentile(source_m, [5, 95])
    median_mm, p95_mm = np.percentile(error_mm, [50, 95])
    return Difference(float(median_mm), float(p95_mm), float(high_m - low_m))
