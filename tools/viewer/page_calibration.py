"""The page's calibration: clicked points with measured distances."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from tfl_depth.camera import Camera, DepthCalibration, FieldOfView
from tfl_depth.camera_files import camera_text
from tfl_depth.errors import CameraError
from tfl_depth.evaluation.depth_fit import Measured, fit_depth
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.lib.calibration_text import calibration_text
from tfl_depth.tools.lib.measurements import along_axis_m

MOST_POINTS = 1000
NUMBERS = ("x", "y", "width", "height", "depth_mm", "distance_m")


def fitted(runner: DepthRunner, camera: Camera | FieldOfView | None, points: Any) -> dict[str, str]:
    """Fit clicked points.

    Args:
        runner: computes the page's depth.
        camera: of the command, or None.
        points: from the page, a list of objects with `name`, a text, and the numbers of `NUMBERS`.

    Returns:
        `text`, the result for people, and `file`, the content of a camera's file.

    Raises:
        CameraError: the points are not valid, or no correction helps.
    """
    checked = _checked(points)
    sizes = {(int(each["height"]), int(each["width"])) for each in checked}
    if len(sizes) > 1:
        raise CameraError(f"Expected photos of one size, of one camera, got {sorted(sizes)}.")
    size = sizes.pop() if sizes else runner.model_size
    known = _camera_of(camera, size)
    measured = [_measured(runner, known, size, each) for each in checked]
    fit = fit_depth(measured)
    depth = DepthCalibration(
        fit.correction.scale, fit.correction.offset_m, runner.contract.fingerprint, runner.fit
    )
    text = calibration_text(measured, fit)
    return {"text": text, "file": camera_text(replace(known, depth=depth))}


def _checked(points: Any) -> list[dict[str, Any]]:
    if not (isinstance(points, list) and len(points) <= MOST_POINTS):
        raise CameraError(f"Expected a list of at most {MOST_POINTS} points.")
    for each in points:
        if not (isinstance(each, dict) and isinstance(each.get("name"), str)):
            raise CameraError("Expected points with a name.")
        if not all(_is_number(each.get(name)) for name in NUMBERS):
            raise CameraError(f"Expected points with the numbers {', '.join(NUMBERS)}.")
        if min(each["depth_mm"], each["distance_m"], each["width"], each["height"]) <= 0:
            raise CameraError("Expected points with depth, and distances above 0 m.")
    return points


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e9


def _camera_of(camera: Camera | FieldOfView | None, size: tuple[int, int]) -> Camera:
    height, width = size
    if camera is None:
        return Camera(width, height)
    if isinstance(camera, FieldOfView):
        return Camera(width, height, camera.at(size))
    camera.expect_aspect(size)
    return replace(camera, depth=None)


def _measured(
    runner: DepthRunner, camera: Camera, size: tuple[int, int], point: dict[str, Any]
) -> Measured:
    """The network's own depth at a point, without the page's correction."""
    correction = runner.correction(size)
    depth_m = (point["depth_mm"] / 1000 - correction.offset_m) / correction.scale
    true_m = along_axis_m(point["distance_m"], camera, size, (point["x"], point["y"]))
    name = f"{point['name'][:100]}:{point['x']:g},{point['y']:g}"
    return Measured(name, np.array([depth_m]), np.array([true_m]))
