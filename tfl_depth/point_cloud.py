"""Depth as a point cloud in a PLY file."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import DepthError
from tfl_depth.intrinsics import Intrinsics

__all__ = ["ply"]

POINT = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
)
# Depth has whole millimeters.
LEAST_VOXEL_M = 0.001
PLY_TYPES = {"f": "float", "u": "uchar"}


def ply(
    depth_mm: DepthMm,
    bgr: npt.NDArray[np.uint8],
    camera: Intrinsics,
    *,
    voxel_m: float | None = None,
) -> bytes:
    """A binary PLY file of all pixels with depth.

    x is to the right, y down and z forward, in meters from the camera.

    Args:
        depth_mm: (H, W) millimeters along the optical axis, 0 = no depth.
        bgr: (H, W, 3), the points' colors.
        camera: of an image of that size.
        voxel_m: side of cubes in meters, whose points are replaced by their mean; None: each pixel
            is a point of 15 bytes.

    Raises:
        DepthError: the cubes are smaller than a millimeter.
    """
    if voxel_m is not None and not LEAST_VOXEL_M <= voxel_m < np.inf:
        raise DepthError(f"Expected `voxel_m` to be at least {LEAST_VOXEL_M:g}, got {voxel_m!r}.")
    v, u = np.nonzero(depth_mm)
    points = np.empty(u.size, POINT)
    points["z"] = z_m = depth_mm[v, u] / 1000
    points["x"] = (u - camera.cx) / camera.fx * z_m
    points["y"] = (v - camera.cy) / camera.fy * z_m
    points["blue"], points["green"], points["red"] = bgr[v, u].T
    if voxel_m is not None:
        points = _merged(points, voxel_m)
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {points.size}"]
    lines += [f"property {PLY_TYPES[POINT[name].kind]} {name}" for name in POINT.names or ()]
    return "\n".join([*lines, "end_header", ""]).encode() + points.tobytes()


def _merged(points: npt.NDArray[np.void], voxel_m: float) -> npt.NDArray[np.void]:
    """The mean of the points and of the colors of each cube that has any."""
    cubes = _cube_numbers(points, voxel_m)
    order = np.argsort(cubes)
    is_first = np.ones(points.size, bool)
    is_first[1:] = np.diff(cubes[order]) != 0
    firsts = np.flatnonzero(is_first)
    counts = np.diff(firsts, append=points.size)
    merged = np.empty(firsts.size, POINT)
    for name in POINT.names or ():
        sums = np.add.reduceat(points[name][order].astype(np.float64), firsts)
        mean = sums / counts
        merged[name] = np.rint(mean) if POINT[name].kind == "u" else mean
    return merged


def _cube_numbers(points: npt.NDArray[np.void], voxel_m: float) -> npt.NDArray[np.int64]:
    """A number for each point's cube, other cubes having other numbers."""
    numbers = np.zeros(points.size, np.int64)
    cubes = 1
    for axis in "xyz":
        places = np.floor(points[axis].astype(np.float64) / voxel_m)
        places -= places.min(initial=0)
        count = int(places.max(initial=0)) + 1
        cubes *= count
        if cubes >= 2**63:
            raise DepthError(f"Expected larger cubes than {voxel_m:g} m for depth that is so far.")
        numbers = numbers * count + places.astype(np.int64)
    return numbers
