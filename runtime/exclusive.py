"""A lock for one thread at a time that is safe in signal handlers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from tfl_depth.errors import DepthError


class Exclusive:
    """A context manager that one thread at a time can enter.

    A signal handler may interrupt the thread that is inside. The handler runs in that same thread,
    so waiting for it would never end: entering raises an error there. `when_free` runs its work as
    soon as the thread leaves.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held = False
        self._afterwards: Callable[[], None] | None = None

    def __enter__(self) -> None:
        """Wait until no other thread is inside.

        Raises:
            DepthError: this thread is inside already.
        """
        self._lock.acquire()
        if self._held:
            self._lock.release()
            raise DepthError(
                "This thread is computing already. A signal handler can only close the runner."
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
        """Run `work` while no thread is inside; if this thread is, run it when it leaves."""
        with self._lock:
            if self._held:
                self._afterwards = work
            else:
                work()

    def is_interrupted(self) -> bool:
        """Whether this thread is inside, and a signal handler of it asks."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._held
        finally:
            self._lock.release()
