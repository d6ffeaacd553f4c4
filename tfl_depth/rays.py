"""The directions of a camera's pixels, with the distortion of its lens."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.camera import Camera
from tfl_depth.errors import CameraError
from tfl_depth.intrinsics import Intrinsics

Points = npt.NDArray[np.float64]


def rays(camera: Camera, size: tuple[int, ...], pixels: npt.ArrayLike) -> Points:
    """The directions (n, 2) of pixels, x / z and y / z.

    Args:
        camera: whose picture it is.
        size: (height, width) of the picture.
        pixels: (n, 2), x and y; the middle of the first pixel is (0, 0).

    Raises:
        CameraError: the picture is not the camera's, or a pixel is outside of the lens model.
    """
    lens = camera.at(size)
    points = np.asarray(pixels, np.float64).reshape(-1, 1, 2)
    matrix = matrix_of(lens)
    if camera.distortion is None:
        found = cv2.undistortPoints(points, matrix, None)
    elif camera.distortion.lens == "fisheye":
        found = cv2.fisheye.undistortPoints(
            points, matrix, np.array(camera.distortion.coefficients)
        )
    else:
        found = cv2.undistortPoints(points, matrix, np.array(camera.distortion.coefficients))
    directions = np.asarray(found, np.float64).reshape(-1, 2)
    if not np.isfinite(directions).all() or (np.abs(directions) > 100).any():
        raise CameraError("Expected pixels inside of the lens model, got some outside.")
    return directions


def matrix_of(lens: Intrinsics) -> npt.NDArray[np.float64]:
    """The camera matrix (3, 3) for OpenCV."""
    return np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]], np.float64)
