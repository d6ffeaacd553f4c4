"""The programs in examples/, each run as a reader would, and what they print and write."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import videos
from tests.support.float_tflite import float_tflite
from tests.support.small_net import write_examples
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.point_cloud import ply
from tfl_depth.runtime import DepthRunner, Video, colorize

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.stem for path in ROOT.glob("examples/*.py"))
FRAMES, EVERY, FOV = 7, 3, 70.0
# Farther than the model says by this factor, so that its error is known.
TRUE = 1.25


def run(name: str, *arguments: object, cwd: Path, status: int = 0) -> str:
    """Run an example; what it prints, or its error."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / f"{name}.py", *map(str, arguments)],
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": f"{os.environ['PYTHONWARNINGS']},default:There are only 12 photos",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    return done.stderr if status else done.stdout


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos/, small.tflite, and model.tflite, made by convert_in_python.py."""
    folder = write_examples(tmp_path_factory.mktemp("work"))
    network = keras.saving.load_model(folder / "small.keras", compile=False)
    # TensorFlow is loaded here, and need not be once more.
    (folder / "small.tflite").write_bytes(float_tflite(network))
    printed = run("convert_in_python", "small.tflite", "photos", "model.tflite", cwd=folder)
    measured = json.loads((folder / "model.json").read_text())["verification"]
    assert f"{measured['median_mm']:.1f} mm from the network in FP32" in printed
    return folder


@pytest.fixture(scope="module")
def runner(work: Path) -> DepthRunner:
    return DepthRunner(work / "model.tflite")


@pytest.fixture(scope="module")
def video(work: Path) -> Path:
    """A photo that moves through the picture."""
    photo = cv2.imread(str(work / "photos" / "coffee1.png"))
    assert photo is not None
    path = work / "drive.avi"
    videos.write(path, "MJPG", videos.moved(np.asarray(photo, np.uint8), FRAMES, 20), 10)
    return path


def middle_m(depth_mm: npt.NDArray[np.unsignedinteger]) -> float:
    height, width = depth_mm.shape
    middle = depth_mm[height // 3 : -height // 3, width // 3 : -width // 3]
    return float(np.median(middle[middle > 0])) / 1000


def test_there_are_five_and_they_are_short() -> None:
    assert set(EXAMPLES) == {
        "camera",
        "convert_in_python",
        "evaluate_your_pairs",
        "photo",
        "video_to_point_cloud",
    }
    for name in EXAMPLES:
        lines = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 50, name


def test_the_converted_model_is_the_network(work: Path, runner: DepthRunner) -> None:
    assert (runner.contract.precision, runner.contract.head) == ("int8", "split")
    assert runner.contract.verification["median_mm"] < 100


def test_photo(work: Path, runner: DepthRunner, tmp_path: Path) -> None:
    photo = work / "photos" / "astronaut0.jpg"
    printed = run("photo", work / "model.tflite", photo, cwd=tmp_path)
    depth_mm = runner.infer(photo)
    assert printed.startswith(f"{depth_mm[64, 96] / 1000:.3f} m in the middle")
    written = cv2.imread(str(tmp_path / "astronaut0_depth.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(np.asarray(written), depth_mm)
    picture = cv2.imread(str(tmp_path / "astronaut0_color.png"))
    np.testing.assert_array_equal(np.asarray(picture), colorize(depth_mm))


def test_camera_tells_of_each_frame_that_it_had_time_for(
    work: Path, runner: DepthRunner, video: Path
) -> None:
    printed = run("camera", "model.tflite", video.name, cwd=work)
    with Video(video) as frames:
        expected = [f"{middle_m(runner.infer(frame)):.3f}" for frame in frames]
    assert len(set(expected)) > 1
    lines = re.findall(r"^frame (\d+): (\d\.\d{3}) m, \d+ ms ago, (\d+) dropped$", printed, re.M)
    numbers = [int(number) for number, _depth, _dropped in lines]
    assert len(lines) == len(printed.splitlines()) > 0
    assert numbers == sorted(set(numbers)) and numbers[-1] == FRAMES - 1
    assert [depth for _number, depth, _dropped in lines] == [expected[each] for each in numbers]
    assert int(lines[-1][2]) == FRAMES - len(lines)


def test_video_to_point_cloud(work: Path, runner: DepthRunner, video: Path, tmp_path: Path) -> None:
    clouds = tmp_path / "clouds"
    options = (clouds, "--fov", FOV, "--every", EVERY)
    printed = run("video_to_point_cloud", "model.tflite", video.name, *options, cwd=work)
    names = [f"drive_{number:06d}.ply" for number in range(0, FRAMES, EVERY)]
    assert printed.splitlines() == [str(clouds / name) for name in names]
    assert sorted(path.name for path in clouds.iterdir()) == names
    with Video(video) as frames:
        for name, frame in zip(names, list(frames)[::EVERY], strict=True):
            camera = Intrinsics.from_field_of_view(FOV, frame.shape[:2])
            assert (clouds / name).read_bytes() == ply(runner.infer(frame), frame, camera)


def test_evaluate_your_pairs(work: Path, runner: DepthRunner, tmp_path: Path) -> None:
    (tmp_path / "rgb").mkdir()
    (tmp_path / "depth").mkdir()
    for number, photo in enumerate(sorted((work / "photos").glob("*.png"))):
        (tmp_path / "rgb" / photo.name).write_bytes(photo.read_bytes())
        factor = TRUE if number else 2.0
        cv2.imwrite(
            str(tmp_path / "depth" / photo.name),
            np.rint(factor * runner.infer(photo)).astype(np.uint16),
        )
    printed = run("evaluate_your_pairs", "model.tflite", tmp_path, cwd=work)
    values = {line.split()[0]: line.split()[-1] for line in printed.splitlines()}
    images = len(list((tmp_path / "rgb").iterdir()))
    expected = (0.5 + (images - 1) * (1 - 1 / TRUE)) / images
    assert float(values["abs_rel"]) == pytest.approx(expected, abs=0.001)
    first = sorted(path.stem for path in (tmp_path / "rgb").iterdir())[0]
    assert f"worst of {images} images: {first}, abs_rel 0.5000" in printed


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("photo", "absent.tflite", "photos/chelsea0.jpg"), "Cannot read the model"),
        (("photo", "model.tflite", "absent.jpg"), "absent.jpg"),
        (("camera", "model.tflite", "absent.mp4"), "There is no video file absent.mp4"),
        (("video_to_point_cloud", "model.tflite", "a.mp4", "out", "--fov", "70"), "no video file"),
        (("evaluate_your_pairs", "model.tflite", "photos"), "There is no split"),
    ],
)
def test_an_error_is_one_sentence(call: tuple[str, ...], said: str, work: Path) -> None:
    error = run(call[0], *call[1:], cwd=work, status=1)
    assert error.splitlines()[-1].startswith("error: ")
    assert said in error
    assert "Traceback" not in error


@pytest.mark.parametrize("name", [each for each in EXAMPLES if each != "convert_in_python"])
def test_wrong_arguments_are_a_usage_error(name: str, tmp_path: Path) -> None:
    assert "usage:" in run(name, cwd=tmp_path, status=2)
