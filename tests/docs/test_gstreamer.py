"""examples/programs/gstreamer_depth.py, with GStreamer's own test pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.gstreamer import gstreamer_environment
from tfl_depth.runtime import DepthRunner

ROOT = Path(__file__).resolve().parents[2]
FRAMES, HEIGHT, WIDTH = 5, 50, 101  # of an odd width rows have a padding
SOURCE = (
    f"videotestsrc num-buffers={FRAMES} pattern=ball ! "
    f"video/x-raw,format=BGR,width={WIDTH},height={HEIGHT},framerate=10/1"
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("gstreamer")
    return gstreamer_environment(folder, "appsink", "appsrc", "videotestsrc", "videoconvert")


def run(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    program = ROOT / "examples" / "programs" / "gstreamer_depth.py"
    return subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_depth_of_each_frame_comes_at_its_time(
    environment: dict[str, str], net: Path, tmp_path: Path
) -> None:
    pictures, depths, doubled = (tmp_path / name for name in ("bgr", "mm", "doubled"))
    source = f"{SOURCE} ! tee name=both ! queue ! filesink location={pictures} both. ! queue"
    sink = (
        f"tee name=depths ! queue ! filesink location={depths} depths. ! queue ! "
        f"videorate ! video/x-raw,framerate=20/1 ! filesink location={doubled}"
    )
    done = run(environment, net, source, sink)
    assert (done.returncode, done.stdout) == (0, f"{FRAMES} frames\n"), done.stderr
    stride = WIDTH + WIDTH % 2
    depth_mm = np.fromfile(depths, "<u2").reshape(FRAMES, HEIGHT, stride)[..., :WIDTH]
    bgr = np.fromfile(pictures, np.uint8).reshape(FRAMES, HEIGHT, -1)[..., : 3 * WIDTH]
    with DepthRunner(net) as runner:
        for picture, found_mm in zip(bgr.reshape(FRAMES, HEIGHT, WIDTH, 3), depth_mm, strict=True):
            np.testing.assert_array_equal(runner.infer(picture), found_mm)
    assert len(np.unique(depth_mm, axis=0)) == FRAMES
    # Each frame twice, as it came at 10 per second by its time stamp.
    twice = np.fromfile(doubled, "<u2").reshape(-1, HEIGHT, stride)
    assert len(twice) in (2 * FRAMES - 1, 2 * FRAMES)


@pytest.mark.parametrize(
    ("source", "sink", "said"),
    [
        ("nosuchelement", "fakesink", "no element"),
        ("filesrc location=absent ! decodebin", "fakesink", "GStreamer, "),
        (SOURCE, "filesink location=/absent/file", "GStreamer, filesink0: Could not open"),
        ("videotestsrc", "video/x-raw,format=RGB ! fakesink", "GStreamer, depth: "),
    ],
)
def test_an_error_is_one_sentence_and_ends_it(
    source: str, sink: str, said: str, environment: dict[str, str], net: Path
) -> None:
    done = run(environment, net, source, sink)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert said in done.stderr and "Traceback" not in done.stderr
