"""The page's calibration, without a browser: points in, a camera's file out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import ramp
from tfl_depth.camera import Camera, DepthCalibration, FieldOfView
from tfl_depth.camera_files import read_camera
from tfl_depth.errors import CameraError
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.viewer.page_calibration import fitted

POINT = {"name": "a.png", "x": 100, "y": 75, "width": 210, "height": 150}


@pytest.fixture(scope="module")
def runner(models: Path) -> Iterator[DepthRunner]:
    with DepthRunner(models / ramp.file_name(ramp.COMMON)) as runner:
        yield runner


def points(scale: float) -> list[dict[str, Any]]:
    depths = (1000, 1500, 2000, 4000)
    return [{**POINT, "depth_mm": mm, "distance_m": scale * mm / 1000} for mm in depths]


def test_points_become_a_camera_file(runner: DepthRunner, tmp_path: Path) -> None:
    found = fitted(runner, None, points(1.3))
    assert "depth is 1.3000 x the model's" in found["text"]
    (tmp_path / "camera.yaml").write_text(found["file"])
    camera = read_camera(tmp_path / "camera.yaml")
    assert (camera.width, camera.height, camera.intrinsics) == (210, 150, None)
    assert camera.depth is not None
    assert camera.depth.scale == pytest.approx(1.3)
    assert camera.depth.model == runner.contract.fingerprint


def test_shown_correction_is_taken_off_first(models: Path, runner: DepthRunner) -> None:
    """The page shows twice the model's depth: the same truth is 0.65 of what is shown."""
    known = DepthCalibration(2.0, 0.0, runner.contract.fingerprint, runner.fit)
    camera = Camera(210, 150, depth=known)
    with DepthRunner(models / ramp.file_name(ramp.COMMON), camera=camera) as corrected:
        assert "depth is 1.3000 x the model's" in fitted(corrected, camera, points(0.65))["text"]


def test_tape_is_a_straight_line_where_the_camera_is_known(runner: DepthRunner) -> None:
    aside = [{**each, "x": 209} for each in points(1.3)]
    found = fitted(runner, FieldOfView(90), aside)
    assert "depth is 0.92" in found["text"]  # 1.3 / sqrt(2), but for half a pixel
    assert "camera_matrix" in found["file"]


BAD: dict[str, Any] = {
    "no list": {"x": 1},
    "few": points(1.3)[:2],
    "two sizes": [*points(1.3), {**points(1.3)[0], "width": 100}],
    "no depth": [{**each, "depth_mm": 0} for each in points(1.3)],
    "text": [{**each, "distance_m": "2"} for each in points(1.3)],
    "infinite": [{**each, "distance_m": 1e400} for each in points(1.3)],
    "no name": [{**each, "name": 3} for each in points(1.3)],
    "no help": points(1.0),
}


@pytest.mark.parametrize("name", BAD)
def test_points_that_are_wrong_are_refused(name: str, runner: DepthRunner) -> None:
    with pytest.raises(CameraError, match=r"Expected|No correction helps"):
        fitted(runner, None, BAD[name])


def test_camera_of_another_aspect_is_refused(runner: DepthRunner) -> None:
    camera = replace(Camera.of(100, 100, width=640, height=480), depth=None)
    with pytest.raises(CameraError, match="aspect"):
        fitted(runner, camera, points(1.3))
