"""Videos whose headers are wrong, that are cut, interlaced or oddly named; and live sources."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support import videos
from tfl_depth.runtime import DepthRunner, ImageError, TruncatedVideoError, Video, live_source
from tfl_depth.runtime.inputs import is_video
from tfl_depth.tools import infer
from tfl_depth.tools.lib.output_names import expand, output_stem

FRAMES = 60
# A recorder whose rate changes: 30 a second, then 120; and the other way round.
FAST_END = [33 * k for k in range(30)] + [990 + 8 * k for k in range(30)]
SLOW_END = [8 * k for k in range(30)] + [240 + 100 * k for k in range(30)]
NEEDS_FFMPEG_8 = pytest.mark.skipif(
    tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 13), reason="this OpenCV decodes it"
)


def run(net: Path, source: object, output: Path, *options: str) -> int:
    return infer.main([str(net), str(source), "--output", str(output), *options])


def times_ms(path: Path) -> list[int]:
    with Video(path) as video:
        return [round(1000 * (video.time_s or 0.0)) for _ in video]


@pytest.mark.parametrize("times", [FAST_END, SLOW_END], ids=["fast end", "slow end"])
def test_video_of_any_rate_gives_all_frames_at_their_times(
    times: list[int], net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The header's estimate of the first is 38 frames: those were computed, and status 0."""
    path = tmp_path / "clip.mkv"
    videos.write_matroska(
        path, videos.pictures(FRAMES), times, duration_ms=times[-1] + 8, period_ms=100 / 3
    )
    assert run(net, path, tmp_path / "depth") == 0
    assert f"{FRAMES} frames" in capsys.readouterr().out
    with DepthRunner(net) as runner:
        found_s = [frame.time_s for frame in runner.stream(path)]
    assert found_s == pytest.approx([each / 1000 for each in times], abs=1e-3)
    # What is written at a constant rate is as long, and no frame is left out.
    with Video(tmp_path / "depth" / "clip_depth.mp4") as written:
        count = len(list(written))
    assert count >= FRAMES
    assert count == pytest.approx(max(FRAMES, 0.03 * times[-1]), abs=3)


def test_loop_goes_on_where_the_one_before_was_left(tmp_path: Path) -> None:
    """The second loop counted from 0, and said that the file ends early."""
    path = tmp_path / "clip.mp4"
    videos.write(path, "mp4v", videos.pictures(FRAMES))
    with Video(path) as video:
        first = [frame for frame, _ in zip(video, range(FRAMES // 2), strict=False)]
        assert len(first) + len(list(video)) == FRAMES - 1  # zip has taken one more
        assert video.time_s == pytest.approx((FRAMES - 1) / 30, abs=1e-3)
        assert list(video) == []


def test_count_of_a_header_cuts_nothing(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clip.avi"
    videos.write(path, "MJPG", videos.pictures(61))
    videos.with_avi_count(path, 5)
    with Video(path) as video:
        assert video.frame_count == 5
    assert run(net, path, tmp_path / "depth") == 0
    assert "61 frames" in capsys.readouterr().out


def cut_avi(path: Path) -> None:
    videos.write(path, "MJPG", videos.pictures(90))
    videos.cut(path, 0.6)


def cut_mp4(path: Path) -> None:
    videos.write(path, "mp4v", videos.pictures(90))
    videos.with_index_first(path)
    videos.cut(path, 0.6)


def cut_mkv(path: Path) -> None:
    times = [round(100 / 3 * k) for k in range(90)]
    videos.write_matroska(path, videos.pictures(90), times, duration_ms=3000, period_ms=100 / 3)
    videos.cut(path, 0.6)


CUT = {"clip.avi": cut_avi, "clip.mp4": cut_mp4, "clip.mkv": cut_mkv}


@pytest.mark.parametrize("name", CUT)
def test_video_that_ends_early_is_an_error_and_not_finished(
    name: str, net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, depth = tmp_path / name, tmp_path / "depth"
    CUT[name](path)
    with Video(path) as video:
        frames = iter(video)
        number = 0
        with pytest.raises(TruncatedVideoError, match=r"ends early.*of the (90 frames|3\.0 s)"):
            while True:
                next(frames)
                number += 1
    assert 30 < number < 60
    for _ in range(2):  # also the second time
        assert run(net, path, depth) == 1
        out, err = capsys.readouterr()
        assert f"{number} frames" in out and "ends early" in err
    # What could be read is there.
    with Video(depth / "clip_depth.mp4") as written:
        assert len(list(written)) == number
    for _ in range(2):
        assert run(net, path, depth, "--skip-bad") == 0
        assert "warning: " in (said := capsys.readouterr()).err and "finished" not in said.out


@pytest.mark.parametrize("name", CUT)
def test_whole_video_is_no_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos, "cut", lambda *_: None)
    CUT[name](tmp_path / name)
    assert len(times_ms(tmp_path / name)) == 90


def test_rate_comes_from_the_time_stamps_where_the_header_has_none(
    net: Path, tmp_path: Path
) -> None:
    """OpenCV takes the unit of the stamps for the rate: 1000 a second."""
    path, times = tmp_path / "clip.webm", [40 * k for k in range(20)]
    videos.write_matroska(path, videos.pictures(20), times, duration_ms=800, period_ms=1)
    with Video(path) as video:
        assert video.frames_per_second == pytest.approx(25)
    assert run(net, path, tmp_path / "depth") == 0
    with Video(tmp_path / "depth" / "clip_depth.mp4") as written:
        assert written.frames_per_second == pytest.approx(25)
        assert len(list(written)) == 20


@NEEDS_FFMPEG_8
@pytest.mark.parametrize("name", ["clip.mpg", "clip.mkv", "clip.avi", "clip.ts"])
def test_interlaced_video_that_opencv_makes_black_is_refused(
    name: str, net: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It says success for each frame; some hold other memory instead of black."""
    path = tmp_path / name
    videos.write(path, "mpg2" if name.endswith("avi") else "MPG2", videos.pictures(8), 25)
    assert len(times_ms(path)) == 8
    videos.interlace(path)
    assert run(net, path, tmp_path / "depth", "--save", "depth") == 1
    assert "the interlaced video" in capfd.readouterr().err
    assert not list((tmp_path / "depth").glob("*.png"))


def test_video_of_one_picture_is_no_interlaced_one(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    for picture in (np.zeros((*videos.SIZE, 3), np.uint8), videos.pictures(1)[0]):
        videos.write(path, "MJPG", [picture] * 5)
        assert len(times_ms(path)) == 5


ODD = ["p%01d.avi", "caf\udce9.avi", "caf\u00e9 #1.avi", "concat:x.avi", "%s.avi"]


@pytest.mark.parametrize("name", ODD)
def test_any_name_of_a_video_is_read_and_written(
    name: str, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own it was a segmentation fault, or other files' pictures."""
    monkeypatch.chdir(tmp_path)
    videos.write(Path("plain.avi"), "MJPG", videos.pictures(5))
    shutil.copy("plain.avi", name)
    assert times_ms(Path(name)) == times_ms(Path("plain.avi"))
    assert run(net, name, Path("depth\udcff%d")) == 0
    (written,) = Path("depth\udcff%d").glob("*.mp4")
    assert len(times_ms(written)) == 5


def test_endings_of_recorders_are_videos() -> None:
    for suffix in (".ts", ".MTS", ".h264", ".mpg", ".wmv"):
        assert is_video(Path(f"clip{suffix}"))


# Live sources


@pytest.mark.parametrize("number", [-1, 99_999_999_999, True])
def test_number_of_no_camera_is_refused(number: int, net: Path) -> None:
    """-1 ended in a segmentation fault, and the large one in a traceback."""
    with DepthRunner(net) as runner, pytest.raises(ImageError, match="no such camera"):
        runner.stream(number)


def test_camera_of_a_huge_number_is_one_sentence(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(net, "camera:99999999999", tmp_path) == 1
    assert "no such camera" in capsys.readouterr().err


@pytest.fixture
def silent() -> Any:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_address_that_never_answers_is_an_error_in_time(
    silent: int, net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_source, "TIME_LIMIT_S", 1.0)
    address = f"rtsp://user:secret@127.0.0.1:{silent}/live"
    begin_s = time.monotonic()
    with (
        DepthRunner(net) as runner,
        pytest.raises(ImageError, match=r"does not answer within 1 s") as said,
    ):
        runner.stream(address)
    assert time.monotonic() - begin_s < 10
    assert f"rtsp://127.0.0.1:{silent}/live" in str(said.value)
    assert "secret" not in str(said.value)


def test_device_is_the_camera_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    class Camera:
        def __init__(self, *arguments: Any) -> None:
            opened.append(arguments)

        def isOpened(self) -> bool:  # noqa: N802
            return True

        def get(self, _which: int) -> float:
            return -1.0

        def release(self) -> None:
            pass

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr(live_source, "_is_device", lambda name: name.startswith("/dev/"))
    with Video("/dev/video7") as video:
        assert (video.is_camera, video.name) == (True, "/dev/video7")
    assert opened == [(7,)]
    with Video("camera:3") as video:
        assert video.name == "camera 3"
    assert opened.pop() == (3,)
    with pytest.raises(ImageError, match="no video file 3"):
        Video(Path("3"))
    with pytest.raises(ImageError, match="camera device like"):
        Video("/dev/ttyUSB0")
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda _which: True)
    with Video("v4l2src ! videoconvert ! appsink") as video:
        assert video.is_camera
    assert opened[-1][:2] == ("v4l2src ! videoconvert ! appsink", cv2.CAP_GSTREAMER)


def test_pipeline_without_gstreamer_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda _which: False)
    with pytest.raises(ImageError, match="needs GStreamer"):
        Video("videotestsrc ! appsink")


def test_live_sources_are_inputs_of_the_tools() -> None:
    names = ["rtsp://user:secret@host/cam1", "videotestsrc ! appsink", "camera:3", "0"]
    inputs = expand(names)
    assert inputs == [*names[:2], 3, 0] and all(map(is_video, inputs))
    assert [output_stem(each) for each in inputs] == [
        "rtsp_host_cam1", "videotestsrc_appsink", "camera3", "camera0"
    ]  # fmt: skip


def test_too_large_frames_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    videos.write(path, "MJPG", videos.pictures(2))
    height, width = videos.SIZE
    with Video(path, most_pixels=height * width) as video:
        assert len(list(video)) == 2
    with pytest.raises(ImageError, match=f"clip.avi has {width}x{height}"):
        Video(path, most_pixels=height * width - 1)


@pytest.mark.parametrize("name", ["a\0b.mp4", "/dev/absent"])
def test_name_of_no_file_is_said(name: str) -> None:
    with pytest.raises(ImageError, match="There is no video file"):
        Video(name)


def test_several_videos_are_no_stream(net: Path, tmp_path: Path) -> None:
    for name in ("a.avi", "b.avi"):
        videos.write(tmp_path / name, "MJPG", videos.pictures(1))
    with DepthRunner(net) as runner, pytest.raises(ImageError, match=r"one video, got 2 files"):
        runner.stream(str(tmp_path / "*.avi"))
