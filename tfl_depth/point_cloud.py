"""Depth as a point cloud in a PLY file."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.intrinsics import Intrinsics

__all__ = ["ply"]

POINT = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
)
PLY_TYPES = {"f": "float", "u": "uchar"}


def ply(depth_mm: DepthMm, bgr: npt.NDArray[np.uint8], camera: Intrinsics) -> bytes:
    """A binary PLY file of all pixels with depth.

    x is to the right, y down and z forward, in meters from the camera.

    Args:
        depth_mm: (H, W) millimeters along the optical axis, 0 = no depth.
        bgr: (H, W, 3), the points' colors.
        camera: of an image of that size.
    """
    v, u = np.nonzero(depth_mm)
    points = np.empty(u.size, POINT)
    points["z"] = z_m = depth_mm[v, u] / 1000
    points["x"] = (u - camera.cx) / camera.fx * z_m
    points["y"] = (v - camera.cy) / camera.fy * z_m
    points["blue"], points["green"], points["red"] = bgr[v, u].T
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {points.size}"]
    lines += [f"property {PLY_TYPES[POINT[name].kind]} {name}" for name in POINT.names or ()]
    return "\n".join([*lines, "end_header", ""]).encode() + points.tobytes()
