"""A program on a board, which ends when its time or the link does.

Its text is sent to the board: see `on_board`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO

# Time for a program to end after its input has ended, and again after a signal.
GRACE_S = 3.0
TIMED_OUT = 124


def run(command: list[str], folder: str, environment: dict[str, str], limit_s: float) -> None:
    """Run a program. End it at the limit, or at the end of this process's input (a lost link)."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        # Python imports from this folder first. It has no modules.
        cwd=folder,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    ended = threading.Event()
    threading.Thread(target=_relay, args=(_input_of(child), ended), daemon=True).start()
    until_s = time.monotonic() + limit_s
    while True:
        try:
            status = child.wait(0.1)
            break
        except subprocess.TimeoutExpired:
            if time.monotonic() > until_s:
                _end(child)
                os._exit(TIMED_OUT)
            if ended.is_set():
                until_s = min(until_s, time.monotonic() + GRACE_S)
                ended.clear()
    sys.stdout.flush()
    os._exit(status if status >= 0 else 128 - status)


def _input_of(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdin is not None  # noqa: S101 - it is a pipe
    return child.stdin


def _relay(target: IO[bytes], ended: threading.Event) -> None:
    """Copy standard input to a program until its end."""
    try:
        for part in iter(lambda: os.read(0, 65536), b""):
            target.write(part)
            target.flush()
        target.close()
    except OSError:
        pass
    ended.set()


def _end(child: subprocess.Popen[bytes]) -> None:
    for which in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, which)
            child.wait(GRACE_S)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
