"""A bounded queue from one thread to another, which can end and be stopped."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Stopped(Exception):  # noqa: N818 - no error: the other side wants no more
    """The queue was stopped; what it held is gone."""


class Ended(Exception):  # noqa: N818 - no error: the last item has been taken
    """The queue has ended, and everything was taken out of it."""


class Handover(Generic[Item]):
    """First in, first out; putting waits for room and taking for an item."""

    def __init__(self, room: int) -> None:
        """Make a queue of at most `room` items."""
        self._items: deque[Item] = deque()
        self._room = room
        self._change = threading.Condition()
        self._ended: BaseException | None = None

    def put(self, item: Item) -> None:
        """Append, once there is room.

        Raises:
            Stopped: nobody will take it.
        """
        with self._change:
            self._change.wait_for(lambda: self._ended or len(self._items) < self._room)
            self._append(item)

    def put_at_once(self, item: Item) -> Item | None:
        """Append; where there is no room the oldest makes it, and is returned.

        Raises:
            Stopped: nobody will take it.
        """
        with self._change:
            oldest = self._items.popleft() if len(self._items) == self._room else None
            self._append(item)
            return oldest

    def _append(self, item: Item) -> None:
        if self._ended is not None:
            raise Stopped
        self._items.append(item)
        self._change.notify_all()

    def take(self) -> Item:
        """Remove the oldest, once there is one.

        Raises:
            Ended: there will be none.
            Stopped: nobody may take more.
            BaseException: what `end` was given, after the last item.
        """
        with self._change:
            self._change.wait_for(lambda: self._ended or self._items)
            if self._items:
                self._change.notify_all()
                return self._items.popleft()
            assert self._ended is not None  # noqa: S101 - what it waited for
            raise self._ended

    def end(self, error: BaseException | None = None) -> None:
        """Say that no item follows, because of `error` if there is one."""
        with self._change:
            self._ended = self._ended or error or Ended()
            self._change.notify_all()

    def stop(self) -> None:
        """Drop what is in it, and let nobody wait any longer."""
        with self._change:
            self._items.clear()
            self._ended = Stopped()
            self._change.notify_all()
