"""Calibration files of OpenCV, ROS and Kalibr, and those that are none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tfl_depth.camera import Camera, DepthCalibration, Distortion
from tfl_depth.camera_files import read_camera, write_camera
from tfl_depth.errors import CameraError
from tfl_depth.intrinsics import Intrinsics

ROS = """image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [525.5, 0.0, 319.5,
         0.0, 524.25, 239.5, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.1, -0.2, 0.0, 0.001, 0.0]   # k1 k2 p1 p2 k3
projection_matrix:
  rows: 3
  cols: 4
  data: [525, 0, 319.5, 0, 0, 525, 239.5, 0, 0, 0, 1, 0]
"""
KALIBR = """cam0:
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [-0.01, 0.02, 1.0e-4, -3e-05]
  distortion_model: equidistant
  intrinsics: [461.1, 459.7, 362.6, 248.5]
  resolution: [752, 480]
  rostopic: /cam0/image_raw
cam1:
  T_cn_cnm1:
  - [0.99, 0.0, 0.0, -0.11]
  - [0.0, 0.99, 0.0, 0.0]
  camera_model: pinhole
  distortion_coeffs: [0.0, 0.0, 0.0, 0.0]
  distortion_model: radtan
  intrinsics: [457.5, 456.1, 379.9, 255.2]
  resolution: [752, 480]
  rostopic: /cam1/image_raw
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    return path


def test_ros(tmp_path: Path) -> None:
    lens = Intrinsics(525.5, 524.25, 319.5, 239.5)
    distortion = Distortion("pinhole", (0.1, -0.2, 0.0, 0.001, 0.0))
    for text in (ROS, f"---\n{ROS}", f"%YAML:1.0\n---\n{ROS}"):
        assert read_camera(written(tmp_path, text)) == Camera(640, 480, lens, distortion)


def test_ros_fisheye(tmp_path: Path) -> None:
    text = ROS.replace("plumb_bob", "equidistant").replace(
        "[0.1, -0.2, 0.0, 0.001, 0.0]", "[1e-1, 0, 0, 0]"
    )
    assert read_camera(written(tmp_path, text)).distortion == Distortion("fisheye", (0.1, 0, 0, 0))


@pytest.mark.parametrize("suffix", ["yml", "xml", "json"])
@pytest.mark.parametrize("fisheye", [False, True])
def test_opencv(tmp_path: Path, suffix: str, fisheye: bool) -> None:
    path = tmp_path / f"camera.{suffix}"
    coefficients = [-0.25, 0.1, 0.0, 0.0] if fisheye else [-0.25, 0.1, 0.0, 0.0, 0.05]
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("calibration_time", "Tue 01 Jan 2030 10:00:00 AM")
    storage.write("image_width", 1280)
    storage.write("image_height", 720)
    storage.write("camera_matrix", np.array([[900.5, 0, 640], [0, 901, 360], [0, 0, 1.0]]))
    storage.write("distortion_coefficients", np.array(coefficients)[:, None])
    if fisheye:
        storage.write("fisheye_model", 1)
    storage.release()
    assert read_camera(path) == Camera(
        1280,
        720,
        Intrinsics(900.5, 901, 640, 360),
        Distortion("fisheye" if fisheye else "pinhole", tuple(coefficients)),
    )


def test_kalibr(tmp_path: Path) -> None:
    path = written(tmp_path, KALIBR)
    assert read_camera(path, "cam0") == Camera(
        752,
        480,
        Intrinsics(461.1, 459.7, 362.6, 248.5),
        Distortion("fisheye", (-0.01, 0.02, 1e-4, -3e-5)),
    )
    assert read_camera(path, "cam1").distortion is None
    with pytest.raises(CameraError, match=r"cam0, cam1 in it: add #cam0"):
        read_camera(path)
    with pytest.raises(CameraError, match="no cam7"):
        read_camera(path, "cam7")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    depth = DepthCalibration(1.0 / 3, -0.0125, "ab" * 32, "pad")
    lens = Intrinsics(525.123456789, 524.0, 319.5, 239.5)
    for camera in (
        Camera(640, 480, lens),
        Camera(640, 480, lens, Distortion("fisheye", (0.1, 0.0, 0.0, 0.0)), depth),
        Camera(640, 480, lens, Distortion("pinhole", (0.1,) * 8)),
        Camera(640, 480, depth=depth),
    ):
        write_camera(tmp_path / "camera.yaml", camera)
        assert read_camera(tmp_path / "camera.yaml") == camera


REFUSED = {
    "nothing": ("", "no list of names|cannot parse"),
    "a text": ("hello", "cannot parse|no list"),
    "no matrix": ("image_width: 640\nimage_height: 480\n", "no 'camera_matrix'"),
    "no size": ("camera_matrix:\n  data: [1, 0, 1, 0, 1, 1, 0, 0, 1]\n", "no 'image_width'"),
    "short matrix": (ROS.replace("0.0, 524.25, 239.5, 0.0, 0.0, 1.0]", "0.0]"), "range"),
    "words": (ROS.replace("[525.5", "[about 500"), "Expected .* to hold a camera"),
    "focal length 0": (ROS.replace("[525.5", "[0.0"), "focal lengths above 0"),
    "not a number": (ROS.replace("[525.5", "[.nan"), "finite"),
    "other lens": (ROS.replace("plumb_bob", "scaramuzza"), "got 'scaramuzza'"),
    "coefficients": (ROS.replace("[0.1, -0.2, 0.0, 0.001, 0.0]", "[0.1, -0.2]"), "coefficients"),
    "omni": (KALIBR.replace("camera_model: pinhole", "camera_model: omni"), "cam0|omni"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_camera_is_refused(name: str, tmp_path: Path) -> None:
    text, said = REFUSED[name]
    with pytest.raises(CameraError, match=said):
        read_camera(written(tmp_path, text))


def test_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="Cannot read the camera"):
        read_camera(tmp_path / "none.yaml")
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CameraError, match="Cannot read the camera"):
        read_camera(path)
