"""Depth of a stream of frames. Reading, the network and postprocessing run at the same time.

    source -> [reader thread] -> ready -> [network thread] -> done -> the caller: postprocessing

Frames are kept in slots, whose memory is reused. Both queues are bounded. If the network is too
slow, the reader waits for room in `ready`, or drops its oldest frame. `done` holds one frame, so
that the caller gets recent depth.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Iterable
from time import perf_counter
from typing import Any, Literal

import numpy as np

from tfl_depth.choices import expect_choice
from tfl_depth.errors import DepthError, ImageError
from tfl_depth.runtime.arguments import expect_count
from tfl_depth.runtime.bounded_queue import QueueEnded, QueueStopped
from tfl_depth.runtime.closeable import Closeable, is_own
from tfl_depth.runtime.depth_map import DepthMap
from tfl_depth.runtime.engines.fallback import FallbackEngine
from tfl_depth.runtime.exclusive import Exclusive
from tfl_depth.runtime.frame_decoder import FrameDecoder
from tfl_depth.runtime.frame_views import FrameViews
from tfl_depth.runtime.inputs import open_frames
from tfl_depth.runtime.options import UpsampleName
from tfl_depth.runtime.preparer import Preparer
from tfl_depth.runtime.preprocess import Channels
from tfl_depth.runtime.stream_frame import StreamFrame
from tfl_depth.runtime.stream_threads import FrameSlot, StreamTrack, start_thread, stream_thread
from tfl_depth.runtime.temporal_filter import Smoothing
from tfl_depth.runtime.undistort import Undistorter
from tfl_depth.runtime.video import Video

OnFull = Literal["block", "drop_oldest"]
Source = int | str | os.PathLike[str] | Iterable[Any]
# Slots outside `ready`: one each at the reader, in the network, in `done`, and at the caller.
SLOTS_IN_HAND = 4
# Percentiles are computed from this many latest latencies.
LATENCIES = 1000
# Time limit for the source's current frame when the stream is closed.
STOP_TIMEOUT_S = 5.0


class Stream(Closeable):
    """Iterates over `StreamFrame`s in the source's order. `DepthRunner.stream` creates it.

    A context manager. Several threads may iterate; each frame goes to one of them. It stops at the
    end of its source, at an error, and when nothing refers to it. An error is raised once, after
    the frames before it.

    Attributes:
        delivered: number of frames that were returned.
    """

    def __init__(
        self,
        source: Source,
        *,
        engine: FallbackEngine,
        views: FrameViews,
        undistort: Undistorter | None,
        grid_size: tuple[int, int] | None,
        channels: Channels,
        on_full: OnFull,
        waiting: int,
        upsample: UpsampleName,
        smooth: Smoothing | None,
        every: int,
        realtime: bool,
    ) -> None:
        """Open the source and start the threads.

        Args:
            source: as for `DepthRunner.stream`.
            engine: runs the network. Others may use it at the same time.
            views: how frames come to the network, and how their depth is corrected.
            undistort: removes the distortion of the lens first.
            grid_size: (h, w) of the depth; None for the size of each frame.
            channels: as for `DepthRunner.stream`.
            on_full: as for `DepthRunner.stream`.
            waiting: as for `DepthRunner.stream`.
            upsample: as for `DepthRunner`.
            smooth: as for `DepthRunner.stream`.
            every: as for `DepthRunner.stream`.
            realtime: as for `DepthRunner.stream`.
        """
        if smooth is not None and not isinstance(smooth, Smoothing):
            raise DepthError(f"Expected `smooth` to be a Smoothing or None, got {smooth!r}.")
        expect_choice("on_full", on_full, OnFull)
        waiting = expect_count("waiting", waiting, "frame")
        every = expect_count("every", every, "frame")
        images = _images(source)
        self._video = images if isinstance(images, Video) and images is not source else None
        engine.expect_open()
        self._depth_dtype, self._grid_size = views.dtype, grid_size
        self._decode = FrameDecoder(engine, upsample, smooth)
        self.delivered = 0
        self._latencies_s: deque[float] = deque(maxlen=LATENCIES)
        slots = [
            FrameSlot(engine.info.new_input(), engine.new_frame_state())
            for _ in range(waiting + SLOTS_IN_HAND)
        ]
        track = self._track = StreamTrack(slots, waiting, on_full == "drop_oldest")
        prepare = Preparer(views)
        order: Channels = "bgr" if self._video else channels
        self._threads = (
            stream_thread(
                lambda: track.read(images, prepare, undistort, order, every, realtime), track.ready
            ),
            stream_thread(lambda: track.compute(engine), track.done),
        )
        self._take = Exclusive()
        # Stops a stream that is deleted but not closed, as after `break`.
        self._stop = weakref.finalize(self, _stop, track, os.getpid())
        for thread in self._threads:
            start_thread(thread, track)

    def __repr__(self) -> str:
        return f"<Stream {self.delivered} frames delivered, {self.dropped} dropped>"

    @property
    def dropped(self) -> int:
        """Number of frames that were dropped because the network or the caller was too slow."""
        return self._track.dropped

    def latency_s(self, percentile: float) -> float:
        """Return a percentile (0 to 100) of the latest frames' latencies, in seconds.

        Raises:
            DepthError: no frame was returned yet.
        """
        if not self._latencies_s:
            raise DepthError("There is no latency before the first frame.")
        return float(np.percentile(self._latencies_s, percentile))

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> StreamFrame:
        self.expect_own_process()
        with self._take:
            try:
                slot = self._track.done.take()
                frame = self._finished(slot)
                self._track.free.put(slot)
            except (QueueEnded, QueueStopped):
                self._end()
                raise StopIteration from None
            except BaseException:
                self._stop()
                self._join()
                raise
            self.delivered += 1
            self._latencies_s.append(frame.latency_s)
            return frame

    def _finished(self, slot: FrameSlot) -> StreamFrame:
        shape = self._grid_size or slot.pixels.shape[:2]
        state, view = slot.state, slot.view
        assert view is not None  # noqa: S101 - the reader wrote it
        depth_mm = np.empty(shape, self._depth_dtype)
        whole = self._grid_size is None
        self._decode(slot.input, "rgb", state, view, slot.pixels, depth_mm, whole=whole)
        return StreamFrame(
            number=slot.number,
            pixels=slot.pixels,
            channels=slot.channels,
            depth_mm=depth_mm.view(DepthMap),
            disagreement=state.disagreement,
            latency_s=perf_counter() - slot.begin_s,
            fallback=state.fallback,
            time_s=slot.time_s,
        )

    def _close(self) -> None:
        """Stop, and wait for the threads to end.

        Raises:
            DepthError: the source does not return its current frame in time.
        """
        self._stop()
        # In a signal handler do not wait: the threads may wait for the interrupted thread.
        if not self._take.is_interrupted():
            self._end()

    def _end(self) -> None:
        self._stop()
        if not self._join():
            raise DepthError(
                f"The stream cannot stop: its source has returned no frame for {STOP_TIMEOUT_S:g} "
                "s, and a thread still waits for it."
            )

    def _join(self) -> bool:
        """Wait for the threads within the time limit. Return whether they have ended."""
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)
        ended = not any(thread.is_alive() for thread in self._threads)
        if ended and self._video is not None:
            self._video.close()
        return ended


def _stop(track: StreamTrack, maker: int) -> None:
    if is_own(maker):
        track.stop()


def _images(source: Any) -> Iterable[Any]:
    """Open a source by its name, or check that it is an iterable of images."""
    if isinstance(source, (int, str, os.PathLike)):
        return open_frames(source)
    if isinstance(source, np.ndarray) and source.ndim < 4:
        raise ImageError(
            f"Expected a source of many images, got one array of shape {source.shape}: give a list "
            "of images, or call `infer`."
        )
    if not isinstance(source, Iterable):
        raise ImageError(
            "Expected a source to be a camera's number, a path, an address or an iterable of "
            f"images, got {type(source).__name__}."
        )
    return source
