"""Projection of depth from the depth camera to the color camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import DatasetError
from tfl_depth.intrinsics import Intrinsics


@dataclass(frozen=True)
class Registration:
    """The pose of the color camera relative to the depth camera.

    Attributes:
        height, width: of both images, in pixels.
        depth_camera, rgb_camera: their intrinsics.
        rotation_rad: rotation vector from the depth camera's axes to the color camera's.
        translation_m: the depth camera's origin in the color camera's coordinates.
    """

    height: int
    width: int
    depth_camera: Intrinsics
    rgb_camera: Intrinsics
    rotation_rad: tuple[float, float, float]
    translation_m: tuple[float, float, float]

    def project(
        self,
        columns: npt.NDArray[Any],
        rows: npt.NDArray[Any],
        depth_m: npt.NDArray[Any],
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Project points of the depth image to the photo.

        Args:
            columns: (N,) pixels of the depth image, from its left.
            rows: (N,) the same from its top.
            depth_m: (N,) meters along the depth camera's axis, above 0.

        Returns:
            (N,) columns and rows of the photo, and meters along its camera's axis.
        """
        source, target = self.depth_camera, self.rgb_camera
        rays = np.stack(
            [(columns - source.cx) / source.fx, (rows - source.cy) / source.fy, np.ones(len(rows))]
        )
        turn = cv2.Rodrigues(np.array(self.rotation_rad))[0]
        x, y, z = turn @ (rays * depth_m) + np.array(self.translation_m)[:, None]
        return target.fx * x / z + target.cx, target.fy * y / z + target.cy, z

    def __call__(self, depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Project a depth image to the color camera.

        Args:
            depth_m: (H, W) float32 meters, 0 = no reading.

        Returns:
            The same for the photo's pixels: the nearest reading of each pixel, 0 without a reading.
            There is none where an object hides the background from only one of the cameras.

        Raises:
            DatasetError: the image has another size than those of these cameras.
        """
        if depth_m.shape != (self.height, self.width):
            raise DatasetError(
                f"expected its depth as {(self.height, self.width)}, the size of its calibrated "
                f"cameras, got {depth_m.shape}"
            )
        rows, columns = np.nonzero(depth_m)
        x, y, z = self.project(columns, rows, depth_m[rows, columns])
        x, y = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
        seen = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        x, y, z = x[seen], y[seen], z[seen]
        # Of several values for one pixel, numpy keeps the last, so the nearest must be the last.
        # Whole millimeters in 16 bits (65 m, beyond these sensors) are sorted in linear time.
        far_to_near = np.argsort(65535 - (1000 * z).astype(np.uint16), kind="stable")
        registered = np.zeros(depth_m.shape, np.float32)
        registered[y[far_to_near], x[far_to_near]] = z[far_to_near]
        return registered
