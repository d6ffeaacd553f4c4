"""Measured distances for `tfl-depth calibrate`: points by hand, checkerboards, RGB-D pairs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tfl_depth.camera import Camera
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import CameraError, ImageError
from tfl_depth.evaluation.depth_fit import Measured
from tfl_depth.rays import rays
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.preprocess import Pixels, read_image

# Side of the square around a point, in pixels. The point's depth is the median in it.
AROUND = 5
# Largest number of pixels from an RGB-D pair.
PAIR_PIXELS = 2000


@dataclass(frozen=True)
class TapePoint:
    """A distance that was measured by hand.

    Attributes:
        photo: the file.
        x, y: the pixel, from 0.
        distance_m: from the camera to the point.
    """

    photo: Path
    x: int
    y: int
    distance_m: float


def tape_point(text: str) -> TapePoint:
    """Read "photo.jpg:X,Y=2.35"."""
    match = re.fullmatch(r"(.+):(\d+),(\d+)=(\d+\.?\d*|\.\d+)", text)
    if match is None or float(match[4]) == 0:
        raise argparse.ArgumentTypeError(
            f"expected PHOTO:X,Y=METERS, like photo.jpg:320,240=2.35, got {text!r}"
        )
    return TapePoint(Path(match[1]), int(match[2]), int(match[3]), float(match[4]))


def measured_by_hand(
    runner: DepthRunner, points: Sequence[TapePoint], camera: Camera | None
) -> Iterator[Measured]:
    """Yield each point. With a camera, its distance is the straight line from the camera.

    Raises:
        ImageError: a point is not in its photo, or has no depth.
    """
    depths: dict[Path, DepthMm] = {}
    for point in points:
        if point.photo not in depths:
            depths[point.photo] = runner.infer(read_image(point.photo))
        depth_mm = depths[point.photo]
        name = f"{point.photo}:{point.x},{point.y}"
        yield measured_point(depth_mm, (point.x, point.y), point.distance_m, camera, name)


def measured_point(
    depth_mm: DepthMm, pixel: tuple[int, int], distance_m: float, camera: Camera | None, name: str
) -> Measured:
    """A point of a photo with its distance in meters.

    Args:
        depth_mm: (H, W) of the photo.
        pixel: (x, y).
        distance_m: from the camera to the point; without a camera along the optical axis.
        camera: of the photo, or None.
        name: of the point.

    Raises:
        ImageError: it is not in the photo, or has no depth.
    """
    height, width = depth_mm.shape
    x, y = pixel
    if not (0 <= x < width and 0 <= y < height):
        raise ImageError(f"Expected a pixel of {width}x{height}, got {name}.")
    half = AROUND // 2
    around = depth_mm[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1]
    if not around.any():
        raise ImageError(f"Expected a pixel with depth, got {name}: choose another one.")
    true_m = along_axis_m(distance_m, camera, depth_mm.shape, pixel)
    depth_m = float(np.median(around[around > 0])) / 1000
    return Measured(name, np.array([depth_m]), np.array([true_m]))


def along_axis_m(
    distance_m: float, camera: Camera | None, size: tuple[int, ...], pixel: tuple[float, float]
) -> float:
    """Depth in meters of a point at a distance from the camera; the distance without intrinsics.

    Args:
        distance_m: the straight line from the camera.
        camera: of the photo, or None.
        size: (height, width) of the photo.
        pixel: (x, y) of the point.
    """
    if camera is None or camera.intrinsics is None:
        return distance_m
    direction = rays(camera, size, [pixel])[0]
    return distance_m / float(np.sqrt(1 + direction @ direction))


def measured_boards(
    runner: DepthRunner,
    photos: Sequence[Path],
    camera: Camera,
    corners: tuple[int, int],
    square_m: float,
) -> Iterator[Measured]:
    """Yield each photo with a checkerboard. The depth of its corners follows from its pose.

    Args:
        runner: the model.
        photos: the files.
        camera: the camera of the photos.
        corners: number of inner corners in a row and in a column.
        square_m: side of a square.

    Raises:
        CameraError: no photo shows the whole board.
    """
    found = 0
    for photo in photos:
        bgr = read_image(photo)
        points = _corners(bgr, corners)
        if points is None:
            continue
        found += 1
        true_m = _corner_depths(points, bgr.shape[:2], camera, corners, square_m)
        depth_mm = runner.infer(bgr)
        rows, columns = np.rint(points[:, ::-1]).astype(int).T
        depth_m = depth_mm[rows, columns] / 1000
        seen = depth_m > 0
        if seen.any():
            yield Measured(str(photo), depth_m[seen], true_m[seen])
    if not found:
        raise CameraError(
            f"Expected photos that show a whole checkerboard of {corners[0]}x{corners[1]} inner "
            f"corners, found it on none of {len(photos)}."
        )


def _corners(bgr: Pixels, corners: tuple[int, int]) -> np.ndarray | None:
    """The corners (n, 2), x and y, row by row; None if some are not visible."""
    gray = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    found, points = cv2.findChessboardCornersSB(gray, corners, flags=cv2.CALIB_CB_ACCURACY)
    return np.asarray(points, np.float64).reshape(-1, 2) if found else None


def _corner_depths(
    points: np.ndarray,
    size: tuple[int, ...],
    camera: Camera,
    corners: tuple[int, int],
    square_m: float,
) -> np.ndarray:
    """Depth (n,) of the corners along the optical axis in meters, from the board's pose."""
    columns, rows = corners
    board = np.zeros((rows * columns, 3))
    board[:, :2] = square_m * np.stack(np.meshgrid(range(columns), range(rows)), -1).reshape(-1, 2)
    solved, turn, shift = cv2.solvePnP(board, rays(camera, size, points), np.eye(3), None)
    if not solved:
        raise CameraError("The pose of a checkerboard cannot be found: take the photo again.")
    rotation, _ = cv2.Rodrigues(turn)
    return np.asarray((board @ rotation.T + shift.ravel())[:, 2])


def measured_pairs(runner: DepthRunner, folder: Path) -> Iterator[Measured]:
    """Yield each RGB-D pair of a folder, rgb/NAME with depth/NAME in millimeters or meters."""
    from tfl_depth.data import open_split

    for sample in open_split("pairs", folder, "all"):
        depth_mm = runner.infer(sample.rgb, channels="rgb")
        rows, columns = np.nonzero(sample.valid & (depth_mm > 0))
        if not rows.size:
            continue
        step = max(1, rows.size // PAIR_PIXELS)
        chosen = rows[::step], columns[::step]
        yield Measured(
            sample.name, depth_mm[chosen] / 1000, sample.depth_m[chosen].astype(np.float64)
        )
