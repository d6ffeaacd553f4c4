"""A bounded queue between two threads. It can end, and it can be stopped."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class QueueStopped(Exception):  # noqa: N818 - not an error
    """The queue was stopped. Its items are dropped."""


class QueueEnded(Exception):  # noqa: N818 - not an error
    """The queue has ended and is empty."""


class BoundedQueue(Generic[Item]):
    """First in, first out. `put` waits for room, and `take` waits for an item."""

    def __init__(self, room: int) -> None:
        """Make a queue of at most `room` items."""
        self._items: deque[Item] = deque()
        self._room = room
        # Reentrant: the garbage collector may call `stop` in a thread that holds the lock.
        self._lock = threading.RLock()
        self._change = threading.Condition(self._lock)
        self._ended: BaseException | None = None

    def put(self, item: Item) -> None:
        """Append an item as soon as there is room.

        Raises:
            QueueStopped: the queue was stopped.
        """
        with self._lock:
            while len(self._items) >= self._room and self._ended is None:
                self._change.wait()
            self._append(item)

    def put_drop_oldest(self, item: Item) -> Item | None:
        """Append an item. If there is no room, remove the oldest item and return it.

        Raises:
            QueueStopped: the queue was stopped.
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
        """Remove the oldest item as soon as there is one.

        Raises:
            QueueEnded: the queue has ended and is empty.
            QueueStopped: the queue was stopped.
            BaseException: the error that `end` was called with, after the last item.
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
        """End the queue after its last item; `take` then raises `error` if there is one."""
        with self._lock:
            self._ended = self._ended or error or QueueEnded()
            self._change.notify_all()

    def stop(self) -> None:
        """Drop all items and wake all waiting threads."""
        with self._lock:
            self._items.clear()
            self._ended = QueueStopped()
            self._change.notify_all()
