"""Messages of the JPEG decoder about damage, which OpenCV does not report otherwise.

While a JPEG is decoded, standard error is redirected to memory. Messages about damage are removed;
everything else, which other threads may print, is passed on. Several threads may decode at the same
time. A message may then be about any of their pictures, and `Heard.shared` is True.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator

STANDARD_ERROR = 2
# libjpeg's warnings (jerror.h, JWRN_*) that mean wrong pixels.
DAMAGE = re.compile(
    rb"^(Corrupt JPEG data|Premature end of JPEG file|Inconsistent progression sequence).*\n?",
    re.MULTILINE,
)


class Heard:
    """The messages during the decoding of a picture.

    Attributes:
        damage: whether there was a message about damage.
        shared: whether another thread decoded a picture in the meantime.
    """

    def __init__(self) -> None:
        self.damage = self.shared = False


class Listener:
    """Redirects standard error to memory while pictures are decoded."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside: list[Heard] = []
        self._alone = 0
        self._memory = -1
        self._read = 0
        self._usual: int | None = None
        # A forked process would keep this memory as its standard error.
        os.register_at_fork(
            before=self._wait_and_hold,
            after_in_parent=self._changed.release,
            after_in_child=self._changed.release,
        )

    @contextlib.contextmanager
    def listening(self, *, alone: bool = False) -> Iterator[Heard]:
        """Collect messages until the end of the `with` block.

        Args:
            alone: let no other thread decode until then.
        """
        heard = Heard()
        with self._changed:
            self._alone += alone
            self._changed.wait_for(lambda: not (self._inside if alone else self._alone))
            if not self._inside:
                self._redirect()
            self._inside.append(heard)
            for each in self._inside:
                each.shared = each.shared or len(self._inside) > 1
        try:
            yield heard
        finally:
            with self._changed:
                last = len(self._inside) == 1
                if last:
                    self._restore()
                self._listen()
                self._inside.remove(heard)
                if last:
                    self._close()
                self._alone -= alone
                self._changed.notify_all()

    def _wait_and_hold(self) -> None:
        self._changed.acquire()
        self._changed.wait_for(lambda: not self._inside)

    def _redirect(self) -> None:
        self._memory = os.memfd_create("tfl-depth decoder messages")
        self._read = 0
        try:
            self._usual = os.dup(STANDARD_ERROR)
        except OSError:  # it is closed
            self._usual = None
        os.dup2(self._memory, STANDARD_ERROR)

    def _listen(self) -> None:
        """Read the text printed since the last call.

        The memory is not cleared, since text that another thread prints would be lost.
        """
        size = os.fstat(self._memory).st_size
        printed = os.pread(self._memory, size - self._read, self._read)
        self._read += len(printed)
        if DAMAGE.search(printed):
            for heard in self._inside:
                heard.damage = True
        others = DAMAGE.sub(b"", printed)
        if others and self._usual is not None:
            os.write(self._usual, others)

    def _restore(self) -> None:
        if self._usual is None:
            os.close(STANDARD_ERROR)
        else:
            os.dup2(self._usual, STANDARD_ERROR)

    def _close(self) -> None:
        os.close(self._memory)
        if self._usual is not None:
            os.close(self._usual)


LISTENER = Listener()
