"""The process that an isolated interpreter runs in; `runtime.isolation` starts it.

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
from tfl_depth.runtime.engine import Engine
from tfl_depth.runtime.line import Line
from tfl_depth.runtime.open_engine import open_engine
from tfl_depth.runtime.shared_frame import SharedFrame

# How long after its time limit this process ends itself, should nobody have ended it by then.
GRACE_S = 5.0


def serve(line: Line, memory: int) -> None:
    """Open what is asked for, and compute until the line ends.

    Args:
        line: gives a time limit with an `Opening`, and then a time limit for each frame; is
            answered with a `Form`, and then with the interpreter's seconds; or with the error.
        memory: handle of a file for the `SharedFrame`.
    """
    limit_s, opening = line.receive()
    engine = _attempt(lambda: open_engine(opening), limit_s)
    if isinstance(engine, DepthError):
        line.send(0.0, engine)
        return
    frame = SharedFrame(memory, engine.form)
    line.send(0.0, engine.form)
    while True:
        limit_s, _ = line.receive()
        result = _attempt(lambda: _compute(engine, frame), limit_s)
        if isinstance(result, DepthError):
            line.send(0.0, result)
        else:
            line.send(result)


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
    with contextlib.suppress(EOFError, OSError), Line(socket.socket(fileno=end)) as line:
        serve(line, memory)


if __name__ == "__main__":
    main()
