"""A bounded queue from one thread to another, which can end and be stopped."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class QueueStopped(Exception):  # noqa: N818 - no error: the other side wants no more
    """The queue was stopped; what it held is gone."""


class QueueEnded(Exception):  # noqa: N818 - no error: the last item has been taken
    """The queue has ended, and everything was taken out of it."""


class BoundedQueue(Generic[Item]):
    """First in, first out; putting waits for room and taking for an item."""

    def __init__(self, room: int) -> None:
        """Make a queue of at most `room` items."""
        self._items: deque[Item] = deque()
        self._room = room
        # One that a thread may take twice: the garbage collector may come to `stop` under it.
        self._lock = threading.RLock()
        self._change = threading.Condition(self._lock)
        self._ended: BaseException | None = None

    def put(self, item: Item) -> None:
        """Append, once there is room.

        Raises:
            QueueStopped: nobody will take it.
        """
        with self._lock:
            while len(self._items) >= self._room and self._ended is None:
                self._change.wait()
            self._append(item)

    def put_drop_oldest(self, item: Item) -> Item | None:
        """Append; where there is no room the oldest makes it, and is returned.

        Raises:
            QueueStopped: nobody will take it.
        """
        with self._lock:
            oldest = self._items.popleft() if len(self._items) == self._room else None
            self._append(item)
            return oldest

    def _append(self, item: Item) -> None:
        if self._ended is not None:
            raise QueueStopped
        self._items.append(item)
        self._change.notify_all()

    def take(self) -> Item:
        """Remove the oldest, once there is one.

        Raises:
            QueueEnded: there will be none.
            QueueStopped: nobody may take more.
            BaseException: what `end` was given, after the last item.
        """
        with self._lock:
            while not self._items:
                if self._ended is not None:
                    raise self._ended
                self._change.wait()
            item = self._items.popleft()
            self._change.notify_all()
            return item

    def end(self, error: BaseException | None = None) -> None:
        """Say that no item follows, because of `error` if there is one."""
        with self._lock:
            self._ended = self._ended or error or QueueEnded()
            self._change.notify_all()

    def stop(self) -> None:
        """Drop what is in it, and let nobody wait any longer."""
        with self._lock:
            self._items.clear()
            self._ended = QueueStopped()
            self._change.notify_all()
