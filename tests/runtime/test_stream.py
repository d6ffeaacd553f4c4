"""`DepthRunner.stream`: order, bounds, drops, and how it stops and fails."""

from __future__ import annotations

import gc
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import videos
from tfl_depth.runtime import DepthError, DepthRunner, ImageError, SelfCheckError, stream
from tfl_depth.runtime.bounded_queue import BoundedQueue, QueueStopped
from tfl_depth.runtime.frame_options import DepthSize
from tfl_depth.runtime.stream import SLOTS_IN_HAND

Pixels = npt.NDArray[np.uint8]
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def runner(net: Path) -> Iterator[DepthRunner]:
    with DepthRunner(net) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not stream_threads())


def stream_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "tfl-depth stream"]


def wait_until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, "it never came to that"
        time.sleep(0.001)


def pictures(count: int) -> list[Pixels]:
    """Of several sizes, the network's own among them."""
    random = np.random.default_rng(21)
    sizes = itertools.cycle([(64, 96), (50, 70), (120, 90)])
    return [
        random.integers(0, 256, (*size, 3), np.uint8) for size in itertools.islice(sizes, count)
    ]


@pytest.mark.parametrize("size", ["image", "model"])
@pytest.mark.parametrize("channels", ["bgr", "rgb"])
def test_stream_gives_what_infer_gives_in_order(
    channels: Any, size: DepthSize, runner: DepthRunner
) -> None:
    images = pictures(9)
    with runner.stream(iter(images), size=size, channels=channels) as frames:
        for number, (image, frame) in enumerate(zip(images, frames, strict=True)):
            expected = runner.infer(image, size=size, channels=channels)
            np.testing.assert_array_equal(frame.depth_mm, expected)
            assert (frame.number, frame.channels, frame.disagreement) == (number, channels, 0.0)
            assert frame.pixels is image
    assert (frames.delivered, frames.dropped) == (9, 0)


def test_depth_of_a_frame_is_the_callers_own(runner: DepthRunner) -> None:
    images = pictures(8)
    depths = [frame.depth_mm for frame in runner.stream(images)]
    for image, depth_mm in zip(images, depths, strict=True):
        np.testing.assert_array_equal(depth_mm, runner.infer(image))


def test_paths_may_be_streamed(runner: DepthRunner, photo: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), photo)
    (frame,) = runner.stream([path], channels="rgb")
    np.testing.assert_array_equal(frame.depth_mm, runner.infer(photo))
    assert frame.channels == "bgr"


class Source:
    """Counts the images that were asked for."""

    def __init__(self, images: Iterator[Pixels]) -> None:
        self.images, self.asked = images, 0

    def __iter__(self) -> Iterator[Pixels]:
        for image in self.images:
            self.asked += 1
            yield image


def test_source_is_read_ahead_but_not_far(runner: DepthRunner, photo: Pixels) -> None:
    """It overlaps: frames are got while the caller has one. And it is bounded."""
    source = Source(itertools.repeat(photo))
    with runner.stream(source, waiting=3) as frames:
        next(frames)
        # One was taken; both queues and both threads are full.
        most = 3 + SLOTS_IN_HAND
        wait_until(lambda: source.asked == most)
        time.sleep(0.05)
        assert source.asked == most
        next(frames)
        wait_until(lambda: source.asked == most + 1)
    assert frames.dropped == 0


def test_slow_caller_gets_the_newest_frames_where_the_oldest_are_dropped(
    runner: DepthRunner,
) -> None:
    images, over = pictures(60), threading.Event()

    def source() -> Iterator[Pixels]:
        yield from images
        over.set()

    with runner.stream(source(), on_full="drop_oldest") as frames:
        assert over.wait(PATIENCE_S)
        got = list(frames)
        numbers = [frame.number for frame in got]
        # One is done, one in the network's hands, and the last two waited.
        assert len(got) <= 4 and numbers[-2:] == [58, 59]
        assert numbers == sorted(set(numbers))
        assert frames.dropped == len(images) - len(got)
    for frame in got:
        np.testing.assert_array_equal(frame.depth_mm, runner.infer(images[frame.number]))


def test_latencies_are_told_as_percentiles(runner: DepthRunner, photo: Pixels) -> None:
    frames = runner.stream([photo] * 5)
    with pytest.raises(DepthError, match="before the first frame"):
        frames.latency_s(50)
    seen_s = [frame.latency_s for frame in frames]
    assert min(seen_s) > 0
    assert [frames.latency_s(p) for p in (0, 50, 100)] == [
        min(seen_s), pytest.approx(np.median(seen_s)), max(seen_s)
    ]  # fmt: skip


def test_error_of_the_source_comes_once_after_the_frames_before_it(runner: DepthRunner) -> None:
    images = pictures(4)

    def source() -> Iterator[Pixels]:
        yield from images
        raise ZeroDivisionError("of the source")

    frames = runner.stream(source())
    for image in images:
        np.testing.assert_array_equal(next(frames).depth_mm, runner.infer(image))
    with pytest.raises(ZeroDivisionError, match="of the source"):
        next(frames)
    assert not stream_threads()
    assert list(frames) == []


def test_bad_image_is_the_error_of_infer(runner: DepthRunner, photo: Pixels) -> None:
    frames = runner.stream([photo, photo.astype(np.float32), photo])
    next(frames)
    with pytest.raises(ImageError, match=r"uint8.*got float32"):
        next(frames)


def test_garbage_of_the_network_is_an_error(models: Path, photo: Pixels) -> None:
    with (
        DepthRunner(models / "net-swapped.tflite") as runner,
        runner.stream(itertools.repeat(photo)) as frames,
        pytest.raises(SelfCheckError),
    ):
        next(frames)


def test_runner_that_is_closed_ends_its_streams(net: Path, photo: Pixels) -> None:
    runner = DepthRunner(net)
    frames = runner.stream(itertools.repeat(photo))
    next(frames)
    runner.close()
    with pytest.raises(DepthError, match="closed: open a new one"):
        for _ in frames:
            pass


@pytest.mark.parametrize("taken", [0, 1, 7])
def test_closing_ends_the_threads(taken: int, runner: DepthRunner, photo: Pixels) -> None:
    frames = runner.stream(itertools.repeat(photo))
    for _ in range(taken):
        next(frames)
    frames.close()
    assert not stream_threads()
    frames.close()
    assert list(frames) == []


def test_context_closes_also_after_an_error(runner: DepthRunner, photo: Pixels) -> None:
    with pytest.raises(ZeroDivisionError), runner.stream(itertools.repeat(photo)) as frames:
        next(frames)
        raise ZeroDivisionError
    assert not stream_threads()


def test_stream_that_is_left_ends_by_itself(runner: DepthRunner, photo: Pixels) -> None:
    for frame in runner.stream(itertools.repeat(photo)):
        assert frame.depth_mm.all()
        break
    gc.collect()
    wait_until(lambda: not stream_threads())


def test_source_that_gives_nothing_more_cannot_be_stopped_and_that_is_said(
    runner: DepthRunner, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def source() -> Iterator[Pixels]:
        yield photo
        released.wait(PATIENCE_S)

    frames = runner.stream(source())
    next(frames)
    monkeypatch.setattr(stream, "STOP_TIMEOUT_S", 0.05)
    with pytest.raises(
        DepthError, match=r"cannot stop: its source has returned no frame for 0\.05 s"
    ):
        frames.close()
    released.set()


def test_streams_and_calls_share_a_runner(runner: DepthRunner) -> None:
    images = pictures(30)
    expected = [runner.infer(image) for image in images]
    one, other = runner.stream(images), runner.stream(images)
    for k, (here, there) in enumerate(zip(one, other, strict=True)):
        np.testing.assert_array_equal(here.depth_mm, expected[k])
        np.testing.assert_array_equal(there.depth_mm, expected[k])
        np.testing.assert_array_equal(runner.infer(images[-k]), expected[-k])


def test_empty_source_gives_no_frame(runner: DepthRunner) -> None:
    assert list(runner.stream([])) == []


def test_every_third_frame_keeps_its_number(runner: DepthRunner) -> None:
    images = pictures(8)
    with runner.stream(images, every=3) as frames:
        found = {frame.number: frame.depth_mm for frame in frames}
    assert list(found) == [0, 3, 6]
    np.testing.assert_array_equal(found[3], runner.infer(images[3]))


@pytest.mark.parametrize("pattern", ["", "/*.png"])
def test_folder_and_pattern_are_their_photos(
    pattern: str, runner: DepthRunner, tmp_path: Path
) -> None:
    images = pictures(3)
    for number, image in enumerate(images):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    with runner.stream(f"{tmp_path}{pattern}") as frames:
        for image, frame in zip(images, frames, strict=True):
            np.testing.assert_array_equal(frame.depth_mm, runner.infer(image))


def test_file_is_played_at_its_own_pace(runner: DepthRunner, tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    videos.write(path, "MJPG", videos.pictures(6), rate=5)
    seconds = []
    for realtime in (False, True):
        begin_s = time.monotonic()
        with runner.stream(path, realtime=realtime) as frames:
            assert len(list(frames)) == 6
        seconds.append(time.monotonic() - begin_s)
    assert seconds[0] < 1 <= seconds[1]


def test_paused_file_is_closed_at_once(runner: DepthRunner, tmp_path: Path) -> None:
    path = tmp_path / "slow.avi"
    videos.write(path, "MJPG", videos.pictures(3), rate=0.05)
    begin_s = time.monotonic()
    with runner.stream(path, realtime=True) as frames:
        next(frames)
    assert time.monotonic() - begin_s < 5


BAD: dict[str, tuple[Any, str]] = {
    "one image": (
        np.zeros((8, 8, 3), np.uint8),
        r"many images, got one array of shape \(8, 8, 3\)",
    ),
    "number with a fraction": (0.5, "camera's number.*got float"),
    "nothing": (None, "camera's number.*got NoneType"),
    "absent file": ("absent.mp4", "no video file absent.mp4"),
    "folder without photos": (Path(), "no photo"),
    "absent camera": (987, "Cannot open camera 987: no such camera"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_source_is_refused(name: str, runner: DepthRunner) -> None:
    source, said = BAD[name]
    with pytest.raises(ImageError, match=said):
        runner.stream(source)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": "Image"}, "`size`"),
        ({"on_full": "drop"}, "`on_full` to be 'block' or 'drop_oldest', got 'drop'"),
        ({"waiting": 0}, "`waiting` to be at least 1 frame, got 0"),
    ],
)
def test_other_options_are_refused(options: Any, said: str, runner: DepthRunner) -> None:
    with pytest.raises(DepthError, match=said):
        runner.stream([], **options)


def test_video_is_streamed_whole(runner: DepthRunner, photo: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "video.avi"
    videos.write(path, "MJPG", videos.moved(photo, 6), 10)
    capture, expected = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        expected.append(runner.infer(np.asarray(read[1], np.uint8)))
    assert len(expected) == 6
    # A video's own order is known.
    found = list(runner.stream(str(path), channels="rgb"))
    for frame, depth_mm in zip(found, expected, strict=True):
        np.testing.assert_array_equal(frame.depth_mm, depth_mm)
        assert frame.channels == "bgr"


def test_file_that_is_no_video_is_refused(runner: DepthRunner, tmp_path: Path) -> None:
    path = tmp_path / "video.avi"
    path.write_bytes(b"no video at all")
    with pytest.raises(ImageError, match=r"Cannot open .*video\.avi: it is damaged"):
        runner.stream(path)


class Capture:
    """Stands for a cv2.VideoCapture that opens, gives two frames and then none."""

    def __init__(self, *_source: Any) -> None:
        self.frames = iter([np.zeros((9, 9, 3), np.uint8)] * 2)

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, _which: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, Pixels | None]:
        frame = next(self.frames, None)
        return frame is not None, frame

    def release(self) -> None:
        self.frames = iter([])


def test_camera_that_is_unplugged_is_an_error_after_its_last_frame(
    runner: DepthRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    frames = runner.stream(0)
    assert [next(frames).number, next(frames).number] == [0, 1]
    with pytest.raises(ImageError, match=r"camera 0 has stopped after 2 frames\. Is it plugged"):
        next(frames)


def test_video_without_a_frame_is_an_error(
    runner: DepthRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr(Capture, "read", lambda _self: (False, None))
    path = tmp_path / "video.avi"
    path.touch()
    with pytest.raises(
        ImageError, match=r"Cannot read .*video\.avi as a video: it has no readable frame"
    ):
        next(runner.stream(path))


def test_queue_may_be_stopped_by_the_thread_that_is_in_it() -> None:
    """The garbage collector finds a stream that was left wherever it comes to, also in there."""
    queue: BoundedQueue[int] = BoundedQueue(1)
    queue.put(1)

    def collect_under_the_lock() -> None:
        with queue._lock:
            queue.stop()

    thread = threading.Thread(target=collect_under_the_lock, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    with pytest.raises(QueueStopped):
        queue.take()
