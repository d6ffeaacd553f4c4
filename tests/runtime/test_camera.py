"""The camera of the pictures: depth that is corrected by it, and pictures without distortion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tfl_depth.camera import Camera, DepthCalibration, Distortion, FieldOfView
from tfl_depth.encoding import Decoder, DepthCorrection, Spans, depth_dtype
from tfl_depth.errors import CameraError, DepthError, SpansError
from tfl_depth.format.contract import Contract, TrainedCamera, ZoomResponse, read_contract
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.frame_views import FrameViews
from tfl_depth.runtime.undistort import Undistorter

Pixels = npt.NDArray[np.uint8]
TRAINED = TrainedCamera(100.0, 100.0, 47.5, 31.5)
OBEYS = ZoomResponse(16, (0.7, 1.4), (0.95, 1.0), obeys=True)
# Of the test networks' input of 64 x 96, with 1.5 times the focal length.
LONGER = Camera.of(300.0, 300.0, width=192, height=128)


@pytest.fixture(scope="module")
def contract(net: Path) -> Contract:
    return replace(read_contract(net.read_bytes()), camera=TRAINED)


def correction(contract: Contract, camera: Any, size: Any = (128, 192), **options: Any) -> float:
    arguments = {"fit": None, "correct_focal": None, **options}
    return FrameViews(contract, camera, **arguments).of(size).correction.scale


def test_ratio_of_focal_lengths_corrects_where_asked_or_shown(contract: Contract) -> None:
    obeying = replace(contract, camera=replace(TRAINED, zoom_response=OBEYS))
    assert correction(contract, LONGER) == 1
    assert correction(contract, LONGER, correct_focal=True) == pytest.approx(1.5)
    assert correction(obeying, LONGER) == pytest.approx(1.5)
    assert correction(obeying, LONGER, correct_focal=False) == 1
    # The same camera's picture at another size is the same picture.
    assert correction(obeying, LONGER, (64, 96)) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("fit", "size", "expected"),
    [
        # Square pictures of focal length 150 for an input of 64 x 96.
        ("pad", (100, 100), 150 * 0.64 / 100),
        ("crop", (100, 100), 150 * 0.96 / 100),
        ("stretch", (100, 100), 150 * np.sqrt(0.64 * 0.96) / 100),
    ],
)
def test_ratio_follows_the_fit(contract: Contract, fit: str, size: Any, expected: float) -> None:
    camera = Camera.of(150.0, 150.0, width=100, height=100)
    found = correction(contract, camera, size, fit=fit, correct_focal=True)
    assert found == pytest.approx(expected, rel=0.01)


def test_field_of_view_needs_no_size(contract: Contract) -> None:
    wide = FieldOfView(90)  # a focal length of half the width: 48 pixels of the input
    for size in ((64, 96), (640, 960)):
        assert correction(contract, wide, size, correct_focal=True) == pytest.approx(0.48)


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "no camera": (None, {"correct_focal": True}, "needs a camera"),
    "no focal length": (Camera(192, 128), {"correct_focal": True}, "needs a camera"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_correction_that_cannot_be_is_refused(name: str, contract: Contract) -> None:
    camera, options, said = REFUSED[name]
    with pytest.raises(CameraError, match=said):
        correction(contract, camera, **options)


def test_model_without_a_camera_is_not_corrected(contract: Contract) -> None:
    unknown = replace(contract, camera=None)
    with pytest.raises(CameraError, match=r"does not have the camera.*--intrinsics or --fov"):
        correction(unknown, LONGER, correct_focal=True)
    views = FrameViews(unknown, LONGER, None, None)
    assert views.note is not None and "does not have" in views.note


def test_picture_of_another_aspect_is_refused(contract: Contract) -> None:
    with pytest.raises(CameraError, match="aspect, 192x128, got 200x200"):
        correction(contract, LONGER, (200, 200), correct_focal=True)


def test_calibration_holds_for_its_model_and_fit_only(contract: Contract) -> None:
    measured = DepthCalibration(1.2, 0.1, contract.fingerprint, "pad")
    camera = Camera(192, 128, depth=measured)
    found = FrameViews(contract, camera, None, None).of((128, 192)).correction
    assert found == DepthCorrection(1.2, 0.1)
    with pytest.raises(CameraError, match="another model"):
        FrameViews(replace(contract, tool="other"), camera, None, None)
    with pytest.raises(CameraError, match="fit='pad', got 'crop'"):
        FrameViews(contract, camera, "crop", None)
    with pytest.raises(CameraError, match="replaces the correction"):
        FrameViews(contract, replace(camera, intrinsics=LONGER.intrinsics), None, True)


@pytest.mark.parametrize("name", ["10m-1m", "80m-growing"])
@pytest.mark.parametrize("kind", ["split", "single", "float32"])
def test_runner_gives_corrected_millimeters(name: str, kind: str, models: Path) -> None:
    """Every depth of the range is scaled and offset before it is rounded: nothing wraps."""
    if kind != "split" and name != "10m-1m":
        pytest.skip("the single head was made for one range only")
    file = {
        "split": ramp.file_name(name),
        "single": ramp.file_name(name, "single", "int8"),
        "float32": ramp.file_name(name, "split", "float32"),
    }[kind]
    with DepthRunner(models / file) as runner:
        plain = runner.infer(ramp.image(), channels="rgb").astype(np.float64)
        fingerprint, fit = runner.contract.fingerprint, runner.fit
    for scale, offset_m in ((1.3, 0.0), (8.0, 0.0), (0.9, 0.25), (1.0, -0.5)):
        camera = Camera(
            ramp.SIDE, ramp.SIDE, depth=DepthCalibration(scale, offset_m, fingerprint, fit)
        )
        with DepthRunner(models / file, camera=camera) as runner:
            found = runner.infer(ramp.image(), channels="rgb")
            assert found.dtype == runner.depth_dtype
            (streamed,) = runner.stream([ramp.image()], channels="rgb")
        np.testing.assert_array_equal(streamed.depth_mm, found)
        expected = np.maximum(scale * plain + 1000 * offset_m, 0)
        error = np.abs(found - expected)[plain > 0]
        assert error.max() <= scale / 2 + 0.5
        assert (found.max() > 65535) == (expected.max() > 65535.5)


def test_range_that_no_dtype_holds_is_refused() -> None:
    spans = Spans.uniform(80.0, 1.0)
    assert depth_dtype(spans, DepthCorrection(0.5)) == np.uint16
    assert depth_dtype(spans) == np.uint32
    with pytest.raises(SpansError, match="after the correction"):
        depth_dtype(spans, DepthCorrection(1e6))


def test_table_scales_each_pair_and_marks_the_same() -> None:
    spans = Spans.uniform(10.0, 1.0)
    plain, twice = Decoder(spans), Decoder(spans, DepthCorrection(2.0))
    np.testing.assert_array_equal(plain.agrees, twice.agrees)
    difference = np.abs(twice.depth_mm.astype(int) - 2 * plain.depth_mm.astype(int))
    assert difference.max() <= 1


# Lenses with a barrel distortion, and how OpenCV draws a point through them.
LENSES = {
    "pinhole": Distortion("pinhole", (-0.25, 0.05, 0.001, -0.002, 0.0)),
    "rational": Distortion("pinhole", (-0.2, 0.03, 0.0, 0.0, 0.0, 0.01, 0.0, 0.0)),
    "fisheye": Distortion("fisheye", (-0.03, 0.01, 0.0, 0.0)),
}


@pytest.mark.parametrize("name", LENSES)
def test_undistorted_point_lies_where_a_pinhole_camera_sees_it(name: str) -> None:
    lens = LENSES[name]
    camera = Camera.of(250.0, 252.0, 158.0, 121.0, width=320, height=240, distortion=lens)
    undistort = Undistorter(camera)
    matrix = np.array([[250.0, 0, 158.0], [0, 252.0, 121.0], [0, 0, 1]])
    coefficients = np.array(lens.coefficients)
    for ray in ((0.2, 0.1), (-0.3, 0.2), (0.25, -0.25)):
        point = np.array([[[ray[0], ray[1], 1.0]]])
        project = cv2.fisheye.projectPoints if lens.lens == "fisheye" else cv2.projectPoints
        (u, v) = project(point, np.zeros(3), np.zeros(3), matrix, coefficients)[0].ravel()
        picture = np.zeros((240, 320), np.float32)
        rows, columns = np.indices(picture.shape)
        picture = 255 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / 8)
        found = undistort(np.rint(picture).astype(np.uint8)).astype(float)
        seen = [(found * index).sum() / found.sum() for index in (columns, rows)]
        pinhole = undistort.camera.at((240, 320))
        expected = [pinhole.fx * ray[0] + pinhole.cx, pinhole.fy * ray[1] + pinhole.cy]
        assert seen == pytest.approx(expected, abs=0.35)


def test_runner_undistorts_before_the_network(net: Path) -> None:
    camera = Camera.of(80.0, 80.0, width=210, height=150, distortion=LENSES["pinhole"])
    frame = np.random.default_rng(0).integers(0, 255, (10, 14, 3), np.uint8)
    frame = np.asarray(cv2.resize(frame, (210, 150), interpolation=cv2.INTER_CUBIC), np.uint8)
    with DepthRunner(net) as plain, DepthRunner(net, camera=camera, undistort=True) as runner:
        shown = runner.undistorted(frame)
        assert (shown != frame).mean() > 0.2
        np.testing.assert_array_equal(runner.infer(frame), plain.infer(shown))
        (streamed,) = runner.stream([frame])
        np.testing.assert_array_equal(streamed.pixels, shown)
        np.testing.assert_array_equal(streamed.depth_mm, runner.infer(frame))
        assert runner.intrinsics((150, 210)) != camera.at((150, 210))
        assert not np.array_equal(runner.infer(frame), plain.infer(frame))


@pytest.mark.parametrize("camera", [None, LONGER, FieldOfView(60)])
def test_nothing_to_undistort_is_refused(camera: Any, net: Path) -> None:
    with pytest.raises(CameraError, match="distortion of its lens"):
        DepthRunner(net, camera=camera, undistort=True)


def test_batch_keeps_the_camera(net: Path, photo: Pixels) -> None:
    with DepthRunner(net) as runner:
        fingerprint, fit = runner.contract.fingerprint, runner.fit
    height, width = photo.shape[:2]
    camera = Camera(width, height, depth=DepthCalibration(1.5, 0.0, fingerprint, fit))
    with DepthRunner(net, camera=camera) as runner:
        expected = runner.infer(photo)
        (batched,) = runner.infer_batch([photo], workers=1)
    np.testing.assert_array_equal(batched, expected)


def test_note_has_the_measured_responses(contract: Contract) -> None:
    measured = replace(TRAINED, zoom_response=replace(OBEYS, response=(0.1, 0.25), obeys=False))
    views = FrameViews(replace(contract, camera=measured), LONGER, None, None)
    assert views.note is not None and "measured 0.10, 0.25, where 1 obeys" in views.note


def test_correction_is_that_of_the_pictures_size(net: Path) -> None:
    with DepthRunner(net) as usual:
        assert usual.correction((480, 640)) == DepthCorrection()
        with pytest.raises(CameraError, match="The runner has no camera"):
            usual.intrinsics((480, 640))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"camera": 62.5}, "Expected `camera` to be a Camera or a FieldOfView, got float"),
        ({"correct_focal": "yes"}, "Expected `correct_focal` to be True, False or None, got 'yes'"),
    ],
)
def test_other_values_are_refused(options: dict[str, Any], said: str, net: Path) -> None:
    with pytest.raises(DepthError, match=said):
        DepthRunner(net, **options)


def test_calibration_of_distorted_pictures_does_not_go_with_undistort(net: Path) -> None:
    camera = Camera.of(90.0, 90.0, width=96, height=64)
    lens = Distortion("pinhole", (0.1, 0.0, 0.0, 0.0))
    measured = DepthCalibration(1.1, 0.0, read_contract(net.read_bytes()).fingerprint, "stretch")
    camera = replace(camera, distortion=lens, depth=measured)
    with pytest.raises(CameraError, match="leave out undistort"):
        DepthRunner(net, camera=camera, undistort=True)
