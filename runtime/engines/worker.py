"""The worker process of an isolated interpreter. `subprocess_engine` starts it.

It receives the configuration, opens the model, and answers with the model's facts or an error. Then
it computes a frame for each message, until the connection ends.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from tfl_depth.errors import DepthError
from tfl_depth.runtime.engines.engine import Engine
from tfl_depth.runtime.engines.ipc import MessageChannel
from tfl_depth.runtime.engines.open_engine import open_engine
from tfl_depth.runtime.engines.shared_frame import SharedFrame

# Time after the limit at which this process ends itself, if it was not killed before.
GRACE_S = 5.0


def serve(channel: MessageChannel, memory: int) -> None:
    """Open the model, and compute frames until the connection ends.

    Args:
        channel: receives a time limit and an `EngineConfig`, then a time limit for each frame. It
            sends an `EngineInfo`, then the interpreter's seconds for each frame; or an error.
        memory: handle of the file for the `SharedFrame`.
    """
    limit_s, config = channel.receive()
    engine = _attempt(lambda: open_engine(config), limit_s)
    if isinstance(engine, DepthError):
        channel.send(0.0, engine)
        return
    frame = SharedFrame(memory, engine.info)
    channel.send(0.0, engine.info)
    while True:
        limit_s, _ = channel.receive()
        result = _attempt(lambda: _compute(engine, frame), limit_s)
        if isinstance(result, DepthError):
            channel.send(0.0, result)
        else:
            channel.send(result)


def _compute(engine: Engine, frame: SharedFrame) -> float:
    engine.write(frame.input, "rgb")
    invoke_s = engine.invoke()
    engine.collect(frame.codes)
    return invoke_s


def _attempt(work: Callable[[], Any], limit_s: float) -> Any:
    """Return the result or the error. If `work` hangs, a timer ends this process."""
    signal.setitimer(signal.ITIMER_REAL, limit_s + GRACE_S)
    try:
        return work()
    except DepthError as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Serve the handles on the command line."""
    # The process that started this one handles Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The errors mean that the other process has ended.
    end, memory = map(int, sys.argv[1:])
    with (
        contextlib.suppress(EOFError, OSError),
        MessageChannel(socket.socket(fileno=end)) as channel,
    ):
        serve(channel, memory)


if __name__ == "__main__":
    main()
