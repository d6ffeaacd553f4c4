"""The live mode of `tfl-depth view`: the newest frame of a video or a camera, for whoever asks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.view_server import INT8, Server, served, write_video
from tfl_depth.errors import ImageError
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.video import Video
from tfl_depth.tools.viewer import live
from tfl_depth.tools.viewer.live import Live

FRAMES = 20


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", FRAMES, 50)


@pytest.fixture(scope="module")
def runner() -> Iterator[DepthRunner]:
    with DepthRunner(INT8) as runner:
        yield runner


@pytest.fixture(scope="module")
def server(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    broken = tmp_path_factory.mktemp("broken") / "broken.mp4"
    broken.write_bytes(b"no video")
    long = write_video(tmp_path_factory.mktemp("long") / "long.mp4", 3000, 25)
    with served(INT8, clip, broken, long) as it:
        yield it


def wait_for_end(playing: Live) -> None:
    until_s = time.monotonic() + 20
    while not playing.ended:
        assert time.monotonic() < until_s, "it does not end"
        time.sleep(0.01)


def test_frames_come_in_order_and_are_the_runners(
    server: Server, clip: Path, runner: DepthRunner
) -> None:
    number = server.number("clip.mp4")
    assert server.ask(f"/api/live/{number}", "POST").status == 204
    with Video(clip) as video:
        expected = [runner.infer(frame) for frame in video]
    after, seen = -1, []
    while not (picture := server.picture(f"/api/live/{number}?after={after}")).facts.get("ended"):
        if picture.maps:
            after = picture.facts["number"]
            seen.append(after)
            assert np.array_equal(picture.maps[0], expected[after])
            assert picture.facts["latency_s"] > 0
            assert picture.facts["dropped"] >= 0
    assert seen == sorted(set(seen))
    assert seen[-1] == FRAMES - 1


def test_whoever_asks_late_gets_the_newest_frame(runner: DepthRunner, clip: Path) -> None:
    playing = Live(runner, clip)
    wait_for_end(playing)
    newest = playing.newer(-1, 0)
    assert newest is not None
    assert newest[0].number == FRAMES - 1
    assert playing.newer(FRAMES - 1, 0) is None


def test_nobody_asking_ends_it(
    runner: DepthRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "IDLE_S", 0.1)
    playing = Live(runner, write_video(tmp_path / "long.mp4", 3000, 25))
    wait_for_end(playing)
    newest = playing.newer(-1, 0)
    assert newest is None or newest[0].number < 2999


def test_closing_ends_it_at_once(runner: DepthRunner, tmp_path: Path) -> None:
    playing = Live(runner, write_video(tmp_path / "slow.mp4", 3, 0.05))
    playing.close()
    playing.close()
    assert playing.ended


def test_a_fault_on_the_way_is_told_to_whoever_asks(
    runner: DepthRunner, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Video) -> Iterator[object]:
        raise ImageError("the cable is out")

    monkeypatch.setattr(Video, "__iter__", fail)
    playing = Live(runner, clip)
    wait_for_end(playing)
    with pytest.raises(ImageError, match="the cable is out"):
        playing.newer(-1, 0)


class Unplugged:
    """A camera that gives three frames, and is then unplugged."""

    is_camera = True
    frames_per_second = 0.001  # as a camera may say; it is not waited for

    def __init__(self, source: int, *, most_pixels: int) -> None:
        assert source == 7 and most_pixels > 0

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        yield from np.zeros((3, 64, 96, 3), np.uint8)
        raise ImageError("camera 7 gives no more frames, after 3: is it plugged in?")

    def __enter__(self) -> Unplugged:
        return self

    def __exit__(self, *_error: object) -> None:
        pass


def test_a_camera_comes_as_it_is_and_its_end_is_told_after_its_last_frame(
    runner: DepthRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "Video", Unplugged)
    playing = Live(runner, 7)
    wait_for_end(playing)
    newest = playing.newer(-1, 0)
    assert newest is not None
    assert newest[0].number == 2
    with pytest.raises(ImageError, match="plugged in"):
        playing.newer(2, 0)


def test_a_broken_video_is_said_and_the_rest_goes_on(server: Server) -> None:
    answer = server.ask(f"/api/live/{server.number('broken.mp4')}", "POST")
    assert answer.status == 422
    assert "Cannot open" in answer.json["error"]
    number = server.number("clip.mp4")
    assert server.ask(f"/api/live/{number}", "POST").status == 204
    assert server.ask(f"/api/live/{number}").status == 200


def test_one_plays_at_a_time(server: Server) -> None:
    one, other = server.number("long.mp4"), server.number("clip.mp4")
    for number in (one, other):
        assert server.ask(f"/api/live/{number}", "POST").status == 204
    assert server.ask(f"/api/live/{one}").status == 409
    assert server.ask("/api/live", "POST").status == 204
    assert server.ask(f"/api/live/{other}").status == 409


def test_a_video_is_no_photo(server: Server) -> None:
    assert server.ask(f"/api/inputs/{server.number('clip.mp4')}").status == 404


def test_the_command_stops_while_one_plays(clip: Path, tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", 3000, 25)
    with served(INT8, long) as server:  # which checks how it ends
        number = server.number("long.mp4")
        assert server.ask(f"/api/live/{number}", "POST").status == 204
        assert server.picture(f"/api/live/{number}").facts


def test_frames_have_the_photos_limit(
    clip: Path, runner: DepthRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_PIXELS", 96 * 64)
    Live(runner, clip).close()
    monkeypatch.setattr(live, "MAX_PIXELS", 96 * 64 - 1)
    with pytest.raises(ImageError, match=r"at most 0 million pixels, .*clip\.mp4 has 96x64"):
        Live(runner, clip)


def test_name_like_a_pattern_is_a_name(clip: Path, runner: DepthRunner, tmp_path: Path) -> None:
    """OpenCV would look for p0.mp4, p1.mp4 and so on."""
    path = tmp_path / "p%01d.mp4"
    path.write_bytes(clip.read_bytes())
    (tmp_path / "p0.mp4").write_bytes(b"another one")
    with Live(runner, path) as playing:
        assert playing.newer(-1, 20.0) is not None
