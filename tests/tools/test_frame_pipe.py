"""`tools/infer --to -`: frames of 16 bits on standard output, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp, videos
from tfl_depth.runtime import DepthRunner, Video
from tfl_depth.tools import infer

ROOT = Path(__file__).resolve().parents[2]
CODE = "import sys; from tfl_depth.tools.infer import main; sys.exit(main())"
# Python and native code print to standard output meanwhile.
PRINTS = """
import os, sys
from tfl_depth.tools.lib import infer_frames
before = infer_frames.describe
def describe(depth_mm):
    os.write(1, b"native")
    print("python")
    return before(depth_mm)
infer_frames.describe = describe
from tfl_depth.tools.infer import main
sys.exit(main())
"""
FRAMES = 6


@pytest.fixture(scope="module")
def video(photo: npt.NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "drive.avi"
    videos.write(path, "MJPG", videos.moved(photo, FRAMES, 20), 10)
    return path


def start(*arguments: object, code: str = CODE) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments), "--to", "-"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def expected(net: Path, video: Path) -> list[npt.NDArray[np.unsignedinteger]]:
    with DepthRunner(net) as runner, Video(str(video)) as frames:
        return [runner.infer(frame) for frame in frames]


def test_raw_frames_of_a_video_are_all_there(net: Path, video: Path) -> None:
    out, err = start(net, video).communicate(timeout=120)
    depths = expected(net, video)
    found = np.frombuffer(out, "<u2").reshape(FRAMES, *depths[0].shape)
    np.testing.assert_array_equal(found, depths)
    assert b"raw gray16le of 210x150, millimeters" in err
    assert f"{FRAMES} frames, 0 dropped".encode() in err


def test_png_frames_may_differ_in_size_and_stand_alone_on_standard_output(
    net: Path, photo: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    for name, pixels in (("a.png", photo), ("b.png", photo[:70])):
        cv2.imwrite(str(tmp_path / name), pixels)
    process = start(net, tmp_path, "--frame-format", "png", code=PRINTS)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert err.count(b"native") == err.count(b"python") == 2
    signature = b"\x89PNG\r\n\x1a\n"
    files = [signature + part for part in out.split(signature)]
    assert files[0] == signature and len(files) == 3
    with DepthRunner(net) as runner:
        for content, pixels in zip(files[1:], (photo, photo[:70]), strict=True):
            read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(np.asarray(read), runner.infer(pixels))


def test_a_closed_pipe_ends_it_cleanly(net: Path, video: Path) -> None:
    with start(net, video, video) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(100)
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 0, err
    assert b"The reader has closed the pipe." in err
    assert b"Traceback" not in err and b"error" not in err


@pytest.mark.parametrize(
    ("model", "said"),
    [("net.tflite", b"Expected raw frames of one size, 210x150, got 210x70"),
     (ramp.file_name("80m-growing"), b"at most 65.535 m for frames of 16 bits")],
)  # fmt: skip
def test_what_a_reader_could_not_read_is_an_error(
    model: str, said: bytes, models: Path, photo: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    for name, pixels in (("a.png", photo), ("b.png", photo[:70])):
        cv2.imwrite(str(tmp_path / name), pixels)
    process = start(models / model, tmp_path)
    _out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said in err and b"Traceback" not in err


@pytest.mark.parametrize("options", [("--output", "depth"), ("--json",), ("--save", "npy")])
def test_files_and_frames_exclude_each_other(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        infer.main(["model.tflite", "photos", "--to", "-", *options])
    assert stopped.value.code == 2
    assert f"leave out {options[0]}" in capsys.readouterr().err
