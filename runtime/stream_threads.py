"""The two threads of a stream, and the frames that they pass on."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import numpy as np

from tfl_depth.runtime.bounded_queue import BoundedQueue, QueueEnded, QueueStopped
from tfl_depth.runtime.engines.fallback import FallbackEngine, FrameState
from tfl_depth.runtime.frame_views import FrameView
from tfl_depth.runtime.preparer import Preparer
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels, load_pixels, write_input
from tfl_depth.runtime.undistort import Undistorter
from tfl_depth.runtime.video import Video

# Time limit for the source's current frame at the end of the program. It is longer than OpenCV
# waits for a camera or an address.
EXIT_TIMEOUT_S = 15.0


class FrameSlot:
    """A frame in progress, and the memory for it."""

    def __init__(self, prepared: Pixels | Codes, state: FrameState) -> None:
        self.input = prepared
        self.state = state
        self.number = 0
        self.pixels: Pixels = np.empty((0, 0, 3), np.uint8)
        self.channels: Channels = "rgb"
        self.view: FrameView | None = None
        self.begin_s = 0.0
        self.time_s: float | None = None


class StreamTrack:
    """Data shared by the threads. It does not refer to the `Stream`, whose deletion ends them."""

    def __init__(self, slots: list[FrameSlot], waiting: int, drop: bool) -> None:
        self.free: BoundedQueue[FrameSlot] = BoundedQueue(len(slots))
        self.ready: BoundedQueue[FrameSlot] = BoundedQueue(waiting)
        self.done: BoundedQueue[FrameSlot] = BoundedQueue(1)
        self.drop = drop
        self.dropped = 0
        self.stopped = threading.Event()
        for slot in slots:
            self.free.put(slot)

    def stop(self) -> None:
        """End the work of both threads."""
        self.stopped.set()
        for queue in (self.free, self.ready, self.done):
            queue.stop()

    def read(
        self,
        images: Iterable[Any],
        prepare: Preparer,
        undistort: Undistorter | None,
        channels: Channels,
        every: int,
        realtime: bool,
    ) -> None:
        """Work of the reader thread: from the source to `ready`."""
        first_s = perf_counter()
        for number, image in enumerate(images):
            if number % every:
                continue
            time_s = images.time_s if isinstance(images, Video) else None
            if realtime and time_s is not None:
                self.stopped.wait(first_s + time_s - perf_counter())
            begin_s = perf_counter()
            pixels, order = load_pixels(image, channels)
            if undistort is not None:
                pixels = undistort(pixels)
            slot = self.free.take()
            slot.number, slot.begin_s = number, begin_s
            slot.pixels, slot.channels = pixels, order
            slot.time_s = time_s
            slot.view, fitted = prepare(pixels)
            write_input(fitted, order, slot.input)
            if not self.drop:
                self.ready.put(slot)
            elif (oldest := self.ready.put_drop_oldest(slot)) is not None:
                self.dropped += 1
                self.free.put(oldest)

    def compute(self, engine: FallbackEngine) -> None:
        """Work of the network's thread: from `ready` to `done`."""
        while True:
            slot = self.ready.take()
            engine.run(slot.input, "rgb", slot.state)
            self.done.put(slot)


def stream_thread(work: Callable[[], None], out: BoundedQueue[FrameSlot]) -> threading.Thread:
    """A thread for a part of the work, which ends the queue `out` after it."""
    return threading.Thread(target=_run, args=(work, out), name="tfl-depth stream", daemon=True)


def _run(work: Callable[[], None], out: BoundedQueue[FrameSlot]) -> None:
    """Run a thread's work, and end the queue after it, with the error if there is one."""
    try:
        work()
    except (QueueEnded, QueueStopped):
        out.end()
    except BaseException as error:
        out.end(error)
    else:
        out.end()


# The threads of all streams. If native code still runs in one of them when Python ends, the process
# ends with "FATAL: exception not rethrown".
_RUNNING: weakref.WeakKeyDictionary[threading.Thread, StreamTrack] = weakref.WeakKeyDictionary()


def _end_all() -> None:
    running = list(_RUNNING.items())
    for _, track in running:
        track.stop()
    for thread, _ in running:
        thread.join(EXIT_TIMEOUT_S)


atexit.register(_end_all)
# A forked process has none of these threads, and their locks stay locked there.
os.register_at_fork(after_in_child=_RUNNING.clear)


def start_thread(thread: threading.Thread, track: StreamTrack) -> None:
    """Start a thread, which ends before the program does."""
    _RUNNING[thread] = track
    thread.start()
