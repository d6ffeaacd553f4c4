"""The programs of examples/programs for Open3D and Rerun, and what those read of their files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import videos
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime import DepthRunner, Video

ROOT = Path(__file__).resolve().parents[2]
REASON = "`make programs-test` has Open3D and Rerun"
FOV, FRAMES = 60.0, 3


def run(name: str, *arguments: object) -> str:
    """What a program prints."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "programs" / f"{name}.py", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_open3d_has_the_points_in_meters(
    net: Path, photo: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    try:
        import open3d as o3d
    except ImportError as error:  # of a library of the system, too
        pytest.skip(f"{REASON} ({error})")
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    file = tmp_path / "points.ply"
    printed = run("open3d_points", net, tmp_path / "photo.png", file, "--fov", FOV)
    with DepthRunner(net) as runner:
        depth_mm = runner.infer(photo)
    v, u = np.nonzero(depth_mm)
    camera, z_m = Intrinsics.from_field_of_view(FOV, depth_mm.shape), depth_mm[v, u] / 1000
    expected = np.stack(
        [(u - camera.cx) / camera.fx * z_m, (v - camera.cy) / camera.fy * z_m, z_m], axis=1
    )
    cloud = o3d.io.read_point_cloud(str(file))
    assert printed == f"{file}: {len(v)} points\n"
    np.testing.assert_allclose(np.asarray(cloud.points), expected, atol=1e-5)
    colors = np.rint(255 * np.asarray(cloud.colors))
    np.testing.assert_array_equal(colors, photo[v, u][:, ::-1])


@pytest.fixture
def video(photo: npt.NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "drive.avi"
    videos.write(path, "MJPG", videos.moved(photo, FRAMES, 20), 10)
    return path


def columns(recording: Path) -> dict[str, list[Any]]:
    """All values of a Rerun file, by entity and component, in the order of frames."""
    from rerun.chunk import RrdReader

    found: dict[str, list[Any]] = {}
    for chunk in RrdReader(str(recording)).stream():
        if chunk.is_empty or not chunk.entity_path.startswith("/camera"):
            continue
        batch = chunk.to_record_batch()
        for name in batch.schema.names:
            if name.startswith("log_"):  # when it was recorded
                continue
            key = f"{chunk.entity_path}:{name}"
            found.setdefault(key, []).extend(batch.column(name).to_pylist())
    return found


def test_rerun_has_the_millimeters_and_their_unit(net: Path, video: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason=REASON)
    file = tmp_path / "drive.rrd"
    printed = run("rerun_recording", net, video, file, "--fov", FOV)
    assert printed == f"{file}: {FRAMES} frames\n"
    found = columns(file)
    assert found["/camera/depth:DepthImage:meter"] == [[1000.0]] * FRAMES
    assert found["/camera/depth:frame"] == list(range(FRAMES))
    with DepthRunner(net) as runner, Video(video) as frames:
        for place, bgr in enumerate(frames):
            depth_mm = runner.infer(bgr)
            (content,) = found["/camera/depth:DepthImage:buffer"][place]
            read = np.frombuffer(bytes(content), np.uint16).reshape(depth_mm.shape)
            np.testing.assert_array_equal(read, depth_mm)
