"""Results as people look at them: pictures in a notebook, and one line for each object."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.runtime import DepthMap, DepthRunner, Video

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def runner(net: Path) -> DepthRunner:
    return DepthRunner(net)


def as_pixels(png: bytes | None) -> Pixels:
    assert png is not None
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_depth_is_an_array_that_shows_a_picture(runner: DepthRunner, photo: Pixels) -> None:
    depth_mm = runner.infer(photo)
    assert isinstance(depth_mm, DepthMap) and depth_mm.dtype == np.uint16
    near, far = depth_mm[depth_mm > 0].min() / 1000, depth_mm.max() / 1000
    assert repr(depth_mm).startswith(f"<DepthMap 150x210, {near:.2f} to {far:.2f} m, median ")
    picture = as_pixels(depth_mm._repr_png_())
    # The depth, and the scale below it.
    assert picture.shape[0] > 150 and picture.shape[1] == 210 and picture.std() > 20
    assert np.array_equal(pickle.loads(pickle.dumps(depth_mm)), depth_mm)  # noqa: S301 - its own


def test_what_is_computed_from_depth_is_a_plain_array(runner: DepthRunner, photo: Pixels) -> None:
    depth_mm = runner.infer(photo)
    for made in (depth_mm / 1000, depth_mm > 0, depth_mm.astype(np.float32) * 2):
        assert type(made) is np.ndarray
    assert type(depth_mm.max()) is np.uint16 and type(depth_mm[3, 4]) is np.uint16
    part = depth_mm[20:60, 30:90]
    assert isinstance(part, DepthMap) and "40x60" in repr(part)
    known = depth_mm[depth_mm > 0]
    assert known._repr_png_() is None and repr(known).startswith("array(")  # type: ignore[attr-defined]
    depth_mm += 1
    assert isinstance(depth_mm, DepthMap)


def test_a_given_array_is_returned_as_it_is(runner: DepthRunner, photo: Pixels) -> None:
    out = np.empty(photo.shape[:2], np.uint16)
    assert runner.infer(photo, out=out) is out
    assert runner.measure(photo, out=out).depth_mm is out


def test_a_large_map_is_shown_small_and_keeps_where_there_is_no_depth() -> None:
    depth_mm = np.full((1000, 2000), 2000, np.uint16).view(DepthMap)
    depth_mm[:, :1000] = 0
    picture = as_pixels(depth_mm._repr_png_())
    assert picture.shape[1] == 800
    assert len(np.unique(picture[:350].reshape(-1, 3), axis=0)) == 2
    assert repr(np.zeros((4, 5), np.uint16).view(DepthMap)) == "<DepthMap 4x5, no depth>"


@pytest.mark.parametrize("channels", ["bgr", "rgb"])
def test_alpha_is_ignored(runner: DepthRunner, photo: Pixels, channels: str) -> None:
    alpha = np.random.default_rng(2).integers(0, 256, (*photo.shape[:2], 1), np.uint8)
    four = np.concatenate([photo, alpha], axis=2)
    expected = runner.infer(photo, channels=channels)  # type: ignore[arg-type]
    np.testing.assert_array_equal(runner.infer(four, channels=channels), expected)  # type: ignore[arg-type]


def test_gray_may_have_an_axis_of_one_channel(runner: DepthRunner, photo: Pixels) -> None:
    gray = photo[..., 1]
    np.testing.assert_array_equal(runner.infer(gray[..., None]), runner.infer(gray))


def test_every_result_is_one_line_and_a_picture(runner: DepthRunner, photo: Pixels) -> None:
    measured = runner.measure(photo)
    with runner.stream([photo]) as stream:
        frame = next(stream)
        shown = [runner, runner.contract, runner.contract.spans, measured, stream, frame]
        lines = [repr(each) for each in shown]
    for line, each in zip(lines, shown, strict=True):
        assert line.startswith(f"<{type(each).__name__} ") and "\n" not in line
        assert len(line) < 200 and " object at " not in line
    assert "int8 64x96, split, 0-10 m" in lines[0] and "on the CPU" in lines[0]
    assert "1 frames delivered" in lines[4]
    for each in (measured, frame):
        assert as_pixels(each._repr_png_()).shape[1] == 210


def test_a_video_says_its_name(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(
        str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 48)
    )
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    with Video(tmp_path / "clip.avi") as video:
        assert repr(video) == f"<Video {tmp_path / 'clip.avi'}, 3 frames, 5 a second>"
