"""Pictures without their lens' distortion: the maps are made once, and each frame is remapped."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.camera import Camera, FieldOfView
from tfl_depth.errors import CameraError
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.rays import matrix_of
from tfl_depth.runtime.preprocess import Pixels

Maps = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class Undistorter:
    """Remaps frames to a pinhole camera. Safe to share between threads.

    The pinhole camera sees what the lens saw, as far as the picture is full of it.

    Attributes:
        camera: the pinhole camera, of the size of the frames.
    """

    def __init__(self, camera: Camera) -> None:
        """Take a camera with a distortion.

        Raises:
            CameraError: it has none, or one that no pinhole camera can show.
        """
        if camera.distortion is None or camera.intrinsics is None:
            raise CameraError(
                "undistort needs a camera with the distortion of its lens: give its calibration "
                "file, or leave out undistort."
            )
        self._given, self._distortion = camera, camera.distortion
        self._maps: tuple[tuple[int, ...], Maps] | None = None
        pinhole = self._pinhole(camera.at(camera.size), camera.size)
        self.camera = Camera(camera.width, camera.height, pinhole, depth=camera.depth)

    def __call__(self, pixels: Pixels) -> Pixels:
        """A new picture of the same size, (H, W, 3) or (H, W) uint8.

        Raises:
            CameraError: the picture is not of the camera's aspect.
        """
        size, maps = pixels.shape[:2], self._maps
        if maps is None or maps[0] != size:
            maps = self._maps = (size, self._made(size))
        return np.asarray(cv2.remap(pixels, *maps[1], cv2.INTER_LINEAR), np.uint8)

    def _made(self, size: tuple[int, ...]) -> Maps:
        lens, pinhole = self._given.at(size), self.camera.at(size)
        matrices, coefficients = (matrix_of(lens), matrix_of(pinhole)), self._coefficients
        turn, shape = np.eye(3), (size[1], size[0])
        if self._distortion.lens == "fisheye":
            return cv2.fisheye.initUndistortRectifyMap(
                matrices[0], coefficients, turn, matrices[1], shape, cv2.CV_16SC2
            )
        return cv2.initUndistortRectifyMap(
            matrices[0], coefficients, turn, matrices[1], shape, cv2.CV_16SC2
        )

    @property
    def _coefficients(self) -> npt.NDArray[np.float64]:
        return np.array(self._distortion.coefficients, np.float64)

    def _pinhole(self, lens: Intrinsics, size: tuple[int, int]) -> Intrinsics:
        """The largest pinhole picture that the lens' picture fills."""
        matrix, shape = matrix_of(lens), (size[1], size[0])
        if self._distortion.lens == "fisheye":
            found = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
                matrix, self._coefficients, shape, np.eye(3), balance=0.0
            )
        else:
            found, _ = cv2.getOptimalNewCameraMatrix(matrix, self._coefficients, shape, 0.0)
        pinhole = Intrinsics(*(float(found[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2))))
        if not (np.isfinite(found).all() and min(pinhole.fx, pinhole.fy) > 0):
            raise CameraError(
                "Expected a distortion that a pinhole picture can show, got "
                f"{list(self._distortion.coefficients)}: calibrate the camera again."
            )
        return pinhole


def undistorter_of(camera: Camera | FieldOfView | None) -> Undistorter:
    """The undistorter for the pictures of a runner's camera.

    Raises:
        CameraError: there is no camera, one without a distortion, or one whose depth was calibrated
            with it.
    """
    if not isinstance(camera, Camera):
        raise CameraError("undistort needs a camera with the distortion of its lens: give it.")
    undistorter = Undistorter(camera)
    if camera.depth is not None:
        raise CameraError(
            "The camera's file has a calibration of depth in pictures with their distortion: "
            "leave out undistort, or give the camera without the calibration."
        )
    return undistorter
