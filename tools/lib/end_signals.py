"""Signals that end a command."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Make the signals of an ended service or a closed terminal act like Ctrl-C.

    By default they end the process at once: a camera's recording would be lost, and files
    incomplete.
    """
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for which in (signal.SIGTERM, signal.SIGHUP):
            # An ignored signal, as with nohup, stays ignored.
            if signal.getsignal(which) is signal.SIG_DFL:
                before[which] = signal.signal(which, _interrupt)
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)
