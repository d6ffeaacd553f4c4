"""Depth as the color camera sees it, where a dataset ships it as its depth camera saw it."""

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
    """Where the color camera stands, seen from the depth camera.

    Attributes:
        height, width: of both images, in pixels.
        depth_camera, rgb_camera: their intrinsics.
        rotation_rad: rotation vector that turns the depth camera's axes into the other's.
        translation_m: where the depth camera's origin lies in the color camera's coordinates.
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
        """Where points of the depth image lie in the photo.

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
        """Draw a depth image anew from where the color camera stands.

        Args:
            depth_m: (H, W) float32 meters, 0 = no reading.

        Returns:
            The same for the photo's pixels: the nearest of the readings that fall on each; 0 where
            none does, as beside an object that hides what is behind it from one camera alone.

        Raises:
            DatasetError: an image of another size, which these cameras did not take.
        """
        if depth_m.shape != (self.height, self.width):
            raise DatasetError(
                f"expected its depth as {(self.height, self.width)}, the size that its cameras are "
                f"known for, got {depth_m.shape}"
            )
        rows, columns = np.nonzero(depth_m)
        x, y, z = self.project(columns, rows, depth_m[rows, columns])
        x, y = np.rint(x).astype(np.intp), np.rint(y).astype(np.intp)
        seen = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        x, y, z = x[seen], y[seen], z[seen]
        # Of several values for one pixel, numpy keeps the last: the nearest goes there last. Whole
        # millimeters in 16 bits (65 m, more than these sensors see): sorted in linear time.
        far_to_near = np.argsort(65535 - (1000 * z).astype(np.uint16), kind="stable")
        registered = np.zeros(depth_m.shape, np.float32)
        registered[y[far_to_near], x[far_to_near]] = z[far_to_near]
        return registered
