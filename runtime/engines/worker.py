"""The process that an isolated interpreter runs in; `subprocess_engine` starts it.

It is told what to open, answers with the model's form or with an error, and then computes a frame
each time it is told to, until nobody is there any more.
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

# How long after its time limit this process ends itself, should nobody have ended it by then.
GRACE_S = 5.0


def serve(channel: MessageChannel, memory: int) -> None:
    """Open what is asked for, and compute until the line ends.

    Args:
        channel: gives a time limit with an `EngineConfig`, and then a time limit for each
            frame; is answered with an `EngineInfo`, and then with the interpreter's seconds; or
            with the error.
        memory: handle of a file for the `SharedFrame`.
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
    """The result or the error. Where it hangs the system ends this process: nobody else may."""
    signal.setitimer(signal.ITIMER_REAL, limit_s + GRACE_S)
    try:
        return work()
    except DepthError as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Serve at the handles that the command line gives."""
    # Ctrl-C is for the process that started this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Until nobody is there any more.
    end, memory = map(int, sys.argv[1:])
    with (
        contextlib.suppress(EOFError, OSError),
        MessageChannel(socket.socket(fileno=end)) as channel,
    ):
        serve(channel, memory)


if __name__ == "__main__":
    main()
