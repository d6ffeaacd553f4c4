"""Pictures and depth maps as PNG files."""

from __future__ import annotations

from typing import Any

import cv2
import numpy.typing as npt


def as_png(pixels: npt.NDArray[Any]) -> bytes:
    """The content of a PNG file.

    Args:
        pixels: (H, W, 3) uint8, BGR, or (H, W) of uint8 or uint16.
    """
    return bytes(png_content(pixels))


def png_content(pixels: npt.NDArray[Any]) -> memoryview:
    """Like `as_png`, in the memory of OpenCV, without another copy of a large picture."""
    return cv2.imencode(".png", pixels)[1].data
