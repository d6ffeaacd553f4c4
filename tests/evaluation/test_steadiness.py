"""Temporal deviation: of known noise, and of the depth of a video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp, videos
from tfl_depth.errors import DatasetError
from tfl_depth.evaluation.steadiness import SENSOR_NOISE, steadiness, still_video
from tfl_depth.runtime import DepthRunner, Video
from tfl_depth.tools import evaluate

FRAMES = 8


def test_known_noise_is_measured_and_pixels_without_depth_do_not_count() -> None:
    random = np.random.default_rng(6)
    depth = np.full((400, 20, 30), 3000.0)
    depth[:, :10] += random.normal(0, 5, (400, 10, 30))
    depth[:, 10:] += random.normal(0, 50, (400, 10, 30))
    frames_mm = np.rint(depth).astype(np.uint16)
    frames_mm[::3, 0] = 0
    frames_mm[1:, 1] = 0
    found = steadiness(iter(frames_mm))
    present = np.where(frames_mm > 0, frames_mm, np.nan)
    expected = np.nanstd(np.delete(present, 1, axis=1), axis=0, ddof=1)
    assert (found.frames, found.pixels) == (400, 19 * 30)
    assert found.median_mm == pytest.approx(np.median(expected))
    assert found.p95_mm == pytest.approx(np.percentile(expected, 95))


@pytest.mark.parametrize("count", [0, 1])
def test_less_than_two_frames_have_no_deviation(count: int) -> None:
    with pytest.raises(DatasetError, match=f"got {count} frames"):
        steadiness([np.ones((3, 4), np.uint16)] * count)


def test_frames_of_two_sizes_are_refused() -> None:
    with pytest.raises(DatasetError, match="one size"):
        steadiness([np.ones((3, 4), np.uint16), np.ones((4, 3), np.uint16)])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A still scene with the noise of a sensor."""
    # Between depths that noise takes neither to 0 nor past the range.
    random, still = np.random.default_rng(7), np.clip(ramp.image(), 60, 200)
    path = tmp_path_factory.mktemp("video") / "still.avi"
    noisy = [still + random.normal(0, 4, still.shape) for _ in range(FRAMES)]
    frames = [np.clip(np.rint(each), 0, 255).astype(np.uint8) for each in noisy]
    videos.write(path, "MJPG", frames, 10)
    return path


def by_hand(model: Path, video: Path) -> npt.NDArray[np.float64]:
    with DepthRunner(model) as runner, Video(str(video)) as frames:
        depths = np.array([runner.infer(frame) for frame in frames], np.float64)
    assert depths.all()
    return np.asarray(np.std(depths, axis=0, ddof=1))


def test_int8_stands_beside_float32_and_smoothing_helps(
    models: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = (ramp.file_name("10m-1m"), ramp.file_name("10m-1m", precision="float32"))
    int8, float32 = (models / name for name in names)
    arguments = [str(int8), "--video", str(video), "--against", str(float32)]
    assert evaluate.main([*arguments, "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    for model, part in ((int8, report), (float32, report["against"])):
        expected = by_hand(model, video)
        assert part["steadiness"]["frames"] == FRAMES
        assert part["steadiness"]["median_mm"] == pytest.approx(np.median(expected))
        assert part["steadiness"]["p95_mm"] == pytest.approx(np.percentile(expected, 95))
        assert part["smoothed"]["median_mm"] < 0.8 * part["steadiness"]["median_mm"]
    added = report["against"]["added"]["median_mm"]
    both = (part["steadiness"]["median_mm"] for part in (report, report["against"]))
    assert added == pytest.approx(next(both) - next(both))
    assert evaluate.main(arguments) == 0
    shown = capsys.readouterr().out
    assert f"{FRAMES} frames" in shown and "smoothed (0.3, 10 %)" in shown
    assert f"{report['steadiness']['median_mm']:.2f}" in shown


@pytest.mark.parametrize(
    "options", [("--video", "a.mp4", "--dataset", "nyuv2"), ("--dataset", "nyuv2"), ()]
)
def test_a_call_that_makes_no_sense_shows_the_usage(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        evaluate.main(["model.tflite", *options])
    assert stopped.value.code == 2
    assert "--video" in capsys.readouterr().err


def test_still_video_has_noise_of_its_own_in_each_frame_and_the_same_in_every_call() -> None:
    photo = np.full((60, 80, 3), 128, np.uint8)
    first, second = still_video(photo, 2)
    assert not np.array_equal(first, second)
    assert np.std(first.astype(float) - 128) == pytest.approx(SENSOR_NOISE, rel=0.05)
    np.testing.assert_array_equal(list(still_video(photo, 2)), [first, second])
