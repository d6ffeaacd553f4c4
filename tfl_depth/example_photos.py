"""Photographs to try a conversion with: those of the package scikit-image, in pieces.

They show the way. For a product, calibrate with photos of the camera that will be used.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ConversionError
from tfl_depth.files import write_whole
from tfl_depth.png import as_png
from tfl_depth.runtime.preprocess import read_image

PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "color.png",
    "grass.png",
    "gravel.png",
    "horse.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "microaneurysms.png",
    "moon.png",
    "motorcycle_right.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)
# Pixels along the longer side of a piece: more than the zoo's networks take.
LONGEST = 320


def photograph_folder() -> Path:
    """The folder of photographs in the package scikit-image.

    Raises:
        ConversionError: it is not installed.
    """
    found = find_spec("skimage")
    if found is None or found.origin is None:
        raise ConversionError(
            "There are no photos to calibrate with: give some with --representative, or install "
            "scikit-image, which has photographs to try it with."
        )
    return Path(found.origin).parent / "data"


def write_example_photos(folder: Path) -> list[Path]:
    """Write three pieces of each photograph into a folder: its left, its right, and all of it.

    Returns:
        Their paths.

    Raises:
        ConversionError: scikit-image is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in PHOTOGRAPHS:
        pixels = read_image(photograph_folder() / name)
        width = pixels.shape[1]
        for part, columns in (
            ("left", slice(0, 2 * width // 3)),
            ("right", slice(width // 3, width)),
            ("all", slice(0, width)),
        ):
            written.append(folder / f"{Path(name).stem}_{part}.png")
            write_whole(written[-1], as_png(_reduced(pixels[:, columns])))
    return written


def _reduced(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    scale = min(1.0, LONGEST / max(pixels.shape[:2]))
    reduced = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.uint8)
