"""Banding: the steps of a coarse output on planes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

# Side of the window for the fit of a plane, in pixels of the network's output.
WINDOW = 7
# The float network's depth is planar if it differs from its plane by less than this share.
PLANAR = 0.002

Grid = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Banding:
    """The error of int8 where the float network's depth is planar.

    Attributes:
        planar_share: of the pixels, 0 to 1.
        residual_mm: root mean square distance from the planes through the int8 depth.
        float_residual_mm: the same of the float network.
        levels: number of distinct depths in all images, in whole millimeters.
    """

    planar_share: float
    residual_mm: float
    float_residual_mm: float
    levels: int


def banding(float_m: Iterable[Grid], int8_m: Iterable[Grid]) -> Banding:
    """Compare grids (h, w), in meters, of the same images."""
    squares, float_squares, shares, seen = [], [], [], set[int]()
    for one, other in zip(float_m, int8_m, strict=True):
        residual = plane_residual(one)
        planar = residual < PLANAR * np.maximum(one, 1e-3)
        shares.append(planar.mean())
        float_squares.append(np.square(residual[planar]))
        squares.append(np.square(plane_residual(other)[planar]))
        seen.update(np.unique(np.rint(1000 * other)).astype(int).tolist())
    return Banding(
        planar_share=float(np.mean(shares)),
        residual_mm=_root_mean(squares),
        float_residual_mm=_root_mean(float_squares),
        levels=len(seen),
    )


def plane_residual(depth_m: Grid) -> npt.NDArray[np.float64]:
    """Root mean square distance of each window from its best plane, in meters.

    In a window centered on a pixel the three coefficients of the plane are independent. Each is a
    convolution: least squares without solving.
    """
    depth = depth_m.astype(np.float64)
    reach = WINDOW // 2
    ramp = np.arange(-reach, reach + 1, dtype=np.float64)
    flat, count = np.ones(WINDOW), WINDOW**2
    mean = _filtered(depth, flat, flat) / count
    across, down = _filtered(depth, ramp, flat), _filtered(depth, flat, ramp)
    spread = WINDOW * np.square(ramp).sum()
    variance = _filtered(np.square(depth), flat, flat) / count - np.square(mean)
    explained = (np.square(across) + np.square(down)) / (spread * count)
    return np.asarray(np.sqrt(np.maximum(variance - explained, 0)))


def _filtered(depth: Grid, along_x: Grid, along_y: Grid) -> npt.NDArray[np.float64]:
    return np.asarray(
        cv2.sepFilter2D(depth, cv2.CV_64F, along_x, along_y, borderType=cv2.BORDER_REFLECT)
    )


def _root_mean(squares: list[npt.NDArray[np.float64]]) -> float:
    all_squares = np.concatenate(squares)
    return 1000 * float(np.sqrt(all_squares.mean())) if all_squares.size else 0.0
