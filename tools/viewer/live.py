"""Live depth of a video or a camera: its newest frame for each request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import monotonic

from tfl_depth.runtime import DepthRunner, StreamFrame
from tfl_depth.runtime.closeable import Closeable
from tfl_depth.runtime.inputs import Input
from tfl_depth.runtime.preprocess import Pixels
from tfl_depth.runtime.video import Video
from tfl_depth.tools.viewer.photos import MAX_PIXELS

# Time without a request after which a stream stops, since a closed page sends no message.
IDLE_S = 10.0
# The rate of a video whose file has none.
FRAMES_PER_SECOND = 25.0


class Live(Closeable):
    """A stream in its own thread. It keeps the newest frame and drops older ones."""

    def __init__(self, runner: DepthRunner, source: Input, from_s: float = 0.0) -> None:
        """Open a video or a camera, and start. A video is played at its own speed.

        Args:
            runner: computes the depth.
            source: the video or the camera.
            from_s: start time in a video, in seconds.

        Raises:
            ImageError: it does not exist, or OpenCV cannot read it.
        """
        self._runner = runner
        self._video = Video(source, most_pixels=MAX_PIXELS)
        self._period_s = 1 / (self._video.frames_per_second or FRAMES_PER_SECOND)
        self._from_s = 0.0 if self._video.is_camera else from_s
        self._change = threading.Condition()
        self._frame: StreamFrame | None = None
        self._dropped = 0
        self._error: Exception | None = None
        self._ended = False
        self._stop = threading.Event()
        self._asked_s = monotonic()
        self._thread = threading.Thread(target=self._run, name="tfl-depth view", daemon=True)
        self._thread.start()

    def newer(self, after: int, timeout_s: float) -> tuple[StreamFrame, int] | None:
        """Wait for a frame whose number is above `after`.

        Returns:
            The frame and the number of dropped frames; None if it is late or the stream `ended`.

        Raises:
            DepthError: the source or the interpreter failed.
        """
        with self._change:
            self._asked_s = monotonic()
            self._change.wait_for(lambda: self._ended or self._number > after, timeout_s)
            if self._number > after and self._frame is not None:
                return self._frame, self._dropped
            if self._error is not None:
                raise self._error
            return None

    @property
    def ended(self) -> bool:
        """Whether the stream has ended."""
        return self._ended

    def place(self, number: int) -> dict[str, float | None]:
        """The time of a frame and the length of the video in seconds, for the page."""
        if self._video.is_camera:
            return {"time_s": None, "duration_s": None}
        count = self._video.frame_count
        return {
            "time_s": self._from_s + number * self._period_s,
            "duration_s": None if count is None else count * self._period_s,
        }

    @property
    def _number(self) -> int:
        return -1 if self._frame is None else self._frame.number

    def _run(self) -> None:
        try:
            with (
                self._video,
                self._runner.stream(self._paced(), on_full="drop_oldest", waiting=1) as frames,
            ):
                for frame in frames:
                    with self._change:
                        self._frame, self._dropped = frame, frames.dropped
                        self._change.notify_all()
        except Exception as error:  # raised at the next request
            self._error = error
        with self._change:
            self._ended = True
            self._change.notify_all()

    def _paced(self) -> Iterator[Pixels]:
        """Frames until requests end: all frames of a camera, frames of a video at its speed."""
        begin_s = monotonic()
        for number, frame in enumerate(self._video):
            if not self._video.is_camera:
                # Some streams have no timestamps.
                due_s = (self._video.time_s or number * self._period_s) - self._from_s
                if due_s < -self._period_s / 2:
                    begin_s = monotonic()  # the frames before `from_s` are only decoded
                    if self._unwanted():
                        return
                    continue
                self._stop.wait(max(0.0, begin_s + due_s - monotonic()))
            if self._unwanted():
                return
            yield frame

    def _unwanted(self) -> bool:
        return self._stop.is_set() or monotonic() - self._asked_s > IDLE_S

    def _close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()
