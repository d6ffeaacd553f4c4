"""Messages between two processes: a number, and sometimes an object.

Code that runs after a wait, with cold caches, takes most of the overhead of an isolated
interpreter. So there are few calls here. `multiprocessing.Connection` has many, and took 0.2 ms
more for each frame.
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
import weakref
from contextlib import suppress
from typing import Any

from tfl_depth.runtime.closeable import Closeable

# The number, and the length of the object in bytes.
HEADER = struct.Struct("<dq")


class MessageChannel(Closeable):
    """One end of a connection between two processes that trust each other."""

    def __init__(self, end: socket.socket) -> None:
        """Take one end of a `socket.socketpair`. `close` closes it."""
        self._socket = end
        _CHANNELS.add(self)

    def send(self, number: float, thing: Any = None, *, limit_s: float | None = None) -> None:
        """Send a number, and an object if it is not None.

        Raises:
            TimeoutError: the other side has not taken it within `limit_s`.
            OSError: the other side has ended.
        """
        content = b"" if thing is None else pickle.dumps(thing)
        self._socket.settimeout(limit_s)
        self._socket.sendall(HEADER.pack(number, len(content)) + content)

    def receive(self, limit_s: float | None = None) -> tuple[float, Any]:
        """Wait for a number, and an object or None.

        Raises:
            TimeoutError: nothing has come within `limit_s`.
            EOFError, OSError: the other side has ended.
        """
        self._socket.settimeout(limit_s)
        number, size = HEADER.unpack(self._exactly(HEADER.size))
        # The other side is this program.
        return number, pickle.loads(self._exactly(size)) if size else None  # noqa: S301

    def _exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            part = self._socket.recv(size - len(received))
            if not part:
                raise EOFError
            received += part
        return bytes(received)

    def _close(self) -> None:
        """End the connection, even if a forked process has a copy of this end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def leave(self) -> None:
        """Close this process's copy of this end. The connection stays open."""
        self._socket.close()


_CHANNELS: weakref.WeakSet[MessageChannel] = weakref.WeakSet()


def _leave_all() -> None:
    for channel in list(_CHANNELS):
        channel.leave()


# A copy in a forked process would keep the connection open after this process has ended.
os.register_at_fork(after_in_child=_leave_all)
