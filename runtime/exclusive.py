"""A lock for what one thread may use at a time, also where a signal interrupts that thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from tfl_depth.errors import DepthError


class Exclusive:
    """A context manager for one thread at a time.

    A signal handler may interrupt the thread that is in it. It must not wait for that thread, which
    is its own: to enter is an error for it, and `when_free` works afterwards.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held = False
        self._afterwards: Callable[[], None] | None = None

    def __enter__(self) -> None:
        """Wait until no other thread is in it.

        Raises:
            DepthError: this thread is in it already.
        """
        self._lock.acquire()
        if self._held:
            self._lock.release()
            raise DepthError(
                "It computes already, in this thread: a signal handler may close it, no more."
            )
        self._held = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held = False
        try:
            if self._afterwards is not None:
                self._afterwards()
        finally:
            self._lock.release()

    def when_free(self, work: Callable[[], None]) -> None:
        """Work with no thread in it; where this thread is, as it leaves."""
        with self._lock:
            if self._held:
                self._afterwards = work
            else:
                work()

    def is_interrupted(self) -> bool:
        """Whether this thread is in it already, and a signal handler asks."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._held
        finally:
            self._lock.release()
