"""tools/calibrate: measured distances of which it is known what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tfl_depth.camera_files import read_camera
from tfl_depth.errors import CameraError
from tfl_depth.evaluation.depth_fit import Measured, fit_depth
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools import calibrate

Array = npt.NDArray[Any]
SIDE = 240
# Where patches of one gray lie: the ramp network sees a depth in each.
PATCHES = [(40 + 60 * column, 40 + 60 * row) for row in range(2) for column in range(4)]


@pytest.fixture(scope="module")
def model(models: Path) -> Path:
    return models / ramp.file_name(ramp.COMMON)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    picture = np.full((SIDE, SIDE, 3), 30, np.uint8)
    for number, (x, y) in enumerate(PATCHES):
        picture[y - 15 : y + 16, x - 15 : x + 16] = 40 + 25 * number
    path = tmp_path_factory.mktemp("photos") / "patches.png"
    assert cv2.imwrite(str(path), picture)
    return path


@pytest.fixture(scope="module")
def seen_m(model: Path, photo: Path) -> Array:
    """What the model says at each patch."""
    with DepthRunner(model) as runner:
        depth_mm = runner.infer(photo)
    return np.array([depth_mm[y, x] / 1000 for x, y in PATCHES])


def points(photo: Path, distances_m: Array) -> list[str]:
    pairs = zip(PATCHES, distances_m, strict=True)
    return [
        word for (x, y), far in pairs for word in ("--point", f"{photo}:{x},{y}={float(far):.4f}")
    ]


def calibrated(model: Path, output: Path, *options: str) -> int:
    return calibrate.main([str(model), *options, "--output", str(output)])


@pytest.mark.parametrize(
    ("scale", "offset_m", "kind"), [(1.25, 0.0, "scale"), (0.8, 0.6, "scale and offset")]
)
def test_points_by_hand_correct_what_the_runner_gives(
    model: Path,
    photo: Path,
    seen_m: Array,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    scale: float,
    offset_m: float,
    kind: str,
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.005, len(seen_m))
    true_m = (scale * seen_m + offset_m) * (1 + noise)
    output = tmp_path / "camera.yaml"
    assert calibrated(model, output, *points(photo, true_m), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == kind
    assert found["correction"]["scale"] == pytest.approx(scale, rel=0.02)
    assert found["correction"]["offset_m"] == pytest.approx(offset_m, abs=0.05)
    assert found["after"]["share"] < 0.02 < found["before"]["share"]
    assert found["change"]["high"] < 0
    with DepthRunner(model, camera=read_camera(output)) as runner:
        depth_mm = runner.infer(photo)
    corrected_m = np.array([depth_mm[y, x] / 1000 for x, y in PATCHES])
    np.testing.assert_allclose(corrected_m, true_m, rtol=0.04)


def test_text_says_millimeters_and_per_cent_before_and_after(
    model: Path, photo: Path, seen_m: Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrated(model, tmp_path / "camera.yaml", *points(photo, 1.25 * seen_m)) == 0
    said = capsys.readouterr().out
    for words in ("before: ", " mm, 20.0% from", "after:  ", "95 % interval", "x the model's"):
        assert words in said


def test_tape_is_a_straight_line_from_the_camera(
    model: Path, photo: Path, seen_m: Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Depth that is 1.25 times the model's, measured along rays that open wide."""
    focal, middle = 120.0, (SIDE - 1) / 2
    away = [np.hypot((x - middle) / focal, (y - middle) / focal) for x, y in PATCHES]
    tape_m = 1.25 * seen_m * np.sqrt(1 + np.square(away))
    camera = ("--camera", f"{focal},{focal}@{SIDE}x{SIDE}")
    assert calibrated(model, tmp_path / "c.yaml", *points(photo, tape_m), *camera, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["correction"] == {"scale": pytest.approx(1.25, rel=1e-3), "offset_m": 0.0}
    written = read_camera(tmp_path / "c.yaml")
    assert written.intrinsics is not None and written.intrinsics.fx == focal


def test_what_does_not_help_is_refused(
    model: Path, photo: Path, seen_m: Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = seen_m * np.array([1.3, 0.7, 1.2, 0.8, 1.3, 0.7, 1.2, 0.8])
    output = tmp_path / "camera.yaml"
    assert calibrated(model, output, *points(photo, wrong)) == 1
    assert "No correction helps" in capsys.readouterr().err
    assert calibrated(model, output, *points(photo, seen_m)[:4]) == 1
    assert "Expected 3 measurements or more, got 2" in capsys.readouterr().err
    assert calibrated(model, output, *points(photo, seen_m[::-1])) == 1
    assert not output.exists()


REFUSED = {
    "nothing": ([], 1, "one of --point"),
    "no point": (["--point", "photo.png:1=2"], 2, "like photo.jpg:320,240=2.35"),
    "no distance": (["--point", "photo.png:1,2=0"], 2, "like photo.jpg"),
    "no photo": (["--point", "none.png:1,2=3"], 1, "There is no image file none.png"),
    "board": (["--checkerboard", "2x2:25"], 2, "like 9x6:25"),
    "board without photos": (["--checkerboard", "9x6:25"], 1, "give --photos"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_call_that_makes_no_sense_is_refused(
    name: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, status, said = REFUSED[name]
    try:
        found = calibrated(model, tmp_path / "camera.yaml", *options)
    except SystemExit as end:
        found = int(str(end.code))
    assert found == status
    assert said in capsys.readouterr().err


def test_point_outside_is_refused(
    model: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = [f"--point={photo}:{x},5=1" for x in (SIDE, SIDE + 1, SIDE + 2)]
    assert calibrated(model, tmp_path / "camera.yaml", *outside) == 1
    assert f"Expected a pixel of {SIDE}x{SIDE}" in capsys.readouterr().err


def board_photo(path: Path, distance_m: float, tilt: float, gray: int) -> None:
    """A board of 7x5 inner corners and squares of 40 mm, as a pinhole camera sees it."""
    size, focal, square = 480, 500.0, 60
    board = np.full((8 * square, 10 * square), 255, np.uint8)
    for row in range(6):
        for column in range(8):
            if (row + column) % 2:
                y, x = (row + 1) * square, (column + 1) * square
                board[y : y + square, x : x + square] = 0
    turn, _ = cv2.Rodrigues(np.array([tilt, 0.7 * tilt, 0.0]))
    # From the board's pixels to meters, and to the picture.
    to_m = np.array([[0.04 / square, 0, -0.2], [0, 0.04 / square, -0.16], [0, 0, 1]])
    plane = np.column_stack([turn[:, 0], turn[:, 1], [0, 0, distance_m]])
    camera = np.array([[focal, 0, (size - 1) / 2], [0, focal, (size - 1) / 2], [0, 0, 1]])
    shown = cv2.warpPerspective(board, camera @ plane @ to_m, (size, size), borderValue=255)
    # The darker, the nearer to the ramp network; black squares stay black enough for corners.
    picture = np.clip(shown.astype(float) * 0.5 + gray, 0, 255).astype(np.uint8)
    assert cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))


def test_checkerboard_gives_the_distances_of_its_pose(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = []
    for number, (distance_m, tilt) in enumerate([(0.6, 0.2), (0.7, -0.3), (0.8, 0.4), (0.9, 0.1)]):
        photos.append(tmp_path / f"board{number}.png")
        board_photo(photos[-1], distance_m, tilt, 10 + 15 * number)
    options = ["--checkerboard", "7x5:40", "--photos", *map(str, photos)]
    options += ["--camera", "500,500@480x480", "--json"]
    assert calibrated(model, tmp_path / "camera.yaml", *options) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["measurements"] == 4
    assert found["after"]["mm"] < found["before"]["mm"]
    assert calibrated(model, tmp_path / "other.yaml", *options[:7]) == 1
    assert "needs the camera" in capsys.readouterr().err


def test_pose_of_a_board_is_its_distance(model: Path, tmp_path: Path) -> None:
    from tfl_depth.camera import Camera
    from tfl_depth.tools.lib.measurements import measured_boards

    board_photo(tmp_path / "board.png", 0.8, 0.3, 20)
    camera = Camera.of(500, 500, width=480, height=480)
    with DepthRunner(model) as runner:
        photos = [tmp_path / "board.png"]
        (found,) = measured_boards(runner, photos, camera, (7, 5), 0.04)
    turn, _ = cv2.Rodrigues(np.array([0.3, 0.21, 0.0]))
    x, y = np.meshgrid(np.arange(7) * 0.04 - 0.12, np.arange(5) * 0.04 - 0.08)
    expected = (np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3) @ turn.T)[:, 2] + 0.8
    np.testing.assert_allclose(np.sort(found.true_m), np.sort(expected), atol=0.004)


def test_pairs_of_photo_and_depth(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("rgb", "depth"):
        (tmp_path / name).mkdir()
    with DepthRunner(model) as runner:
        for number in range(4):
            slope = np.linspace(40 + 20 * number, 220, 96).astype(np.uint8)
            picture = np.repeat(np.tile(slope, (64, 1))[..., None], 3, -1)
            cv2.imwrite(str(tmp_path / "rgb" / f"{number}.png"), picture)
            depth_mm = np.rint(0.7 * runner.infer(picture)).astype(np.uint16)
            cv2.imwrite(str(tmp_path / "depth" / f"{number}.png"), depth_mm)
    options = ("--rgbd", str(tmp_path), "--fov", "60", "--json")
    assert calibrated(model, tmp_path / "camera.yaml", *options) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["measurements"]) == ("scale", 4)
    assert found["correction"]["scale"] == pytest.approx(0.7, rel=0.005)
    written = read_camera(tmp_path / "camera.yaml")
    assert (written.width, written.height) == (96, 64)


def test_measurements_weigh_alike_whatever_their_pixels() -> None:
    one = np.array([2.0])
    many = np.full(1000, 2.0)
    found = fit_depth(
        [
            Measured("a", many, 1.20 * many),
            Measured("b", one, 1.22 * one),
            Measured("c", one, 1.24 * one),
        ]
    )
    assert found.correction.scale == pytest.approx(1.22, rel=0.005)


def test_depth_that_falls_is_refused() -> None:
    rising, falling = np.linspace(1, 6, 6), np.linspace(6, 1, 6)
    pairs = zip(rising, falling, strict=True)
    measured = [Measured(f"{a}", np.array([a]), np.array([b])) for a, b in pairs]
    with pytest.raises(CameraError, match="grows with the measured"):
        fit_depth(measured)
