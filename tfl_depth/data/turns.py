"""Photos that a camera stored rotated: their rotation, also for depth and intrinsics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ImageError
from tfl_depth.image_decoder import decode
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime.preprocess import Pixels, decode_image

# The bytes before EXIF data in each format.
EXIF_MARKS = (b"Exif", b"eXIf", b"EXIF")


@dataclass(frozen=True)
class Turn:
    """The rotation of a photo's pixels: first transposed, then mirrored.

    Attributes:
        stored_size: (height, width) of the stored pixels.
        transposed: whether rows become columns.
        upside_down, mirrored: whether the order of rows, and of columns, is reversed after that.
    """

    stored_size: tuple[int, int]
    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Rotate an array (H, W, ...) of the stored size."""
        turned = pixels.swapaxes(0, 1) if self.transposed else pixels
        rows, columns = (slice(None, None, -1 if back else 1) for back in self._reversed)
        return np.ascontiguousarray(turned[rows, columns])

    @property
    def _reversed(self) -> tuple[bool, bool]:
        return self.upside_down, self.mirrored

    def camera(self, stored: Intrinsics) -> Intrinsics:
        """The camera of the upright photo, from the camera of its stored pixels."""
        fx, fy, cx, cy = stored.fx, stored.fy, stored.cx, stored.cy
        height, width = self.stored_size
        if self.transposed:
            fx, fy, cx, cy, height, width = fy, fx, cy, cx, width, height
        return Intrinsics(
            fx,
            fy,
            width - 1 - cx if self.mirrored else cx,
            height - 1 - cy if self.upside_down else cy,
        )


def read_turned(path: Path) -> tuple[Pixels, Turn]:
    """Read an image file like `read_image`, and return its rotation from its EXIF data too.

    Raises:
        ImageError: as `read_image`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"Cannot read {path}: {error.strerror}.") from error
    shown = decode_image(content, str(path))
    if not any(mark in content for mark in EXIF_MARKS):
        return shown, Turn(shown.shape[:2])
    stored = decode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return shown, _turn_between(np.asarray(stored), shown)


def _turn_between(stored: npt.NDArray[Any], shown: Pixels) -> Turn:
    """Find the rotation from the stored to the upright photo. OpenCV reads EXIF in each format."""
    for number in range(8):
        turn = Turn(stored.shape[:2], bool(number & 4), bool(number & 2), bool(number & 1))
        if np.array_equal(turn(stored), shown):
            return turn
    raise ImageError("Cannot find the rotation in its EXIF data: save it upright.")
