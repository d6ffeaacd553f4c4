"""An interpreter in a worker process, which protects this one from a delegate's crash or hang."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth import child
from tfl_depth.errors import DepthError, InterpreterError
from tfl_depth.runtime.closeable import is_own
from tfl_depth.runtime.engines.engine import Engine, EngineConfig, EngineInfo, fault_of
from tfl_depth.runtime.engines.ipc import MessageChannel
from tfl_depth.runtime.engines.shared_frame import SharedFrame
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels, write_input

# Time limit for a process to end after its connection was closed, or after it was killed.
END_S = 5.0


class SubprocessEngine(Engine):
    """Runs an interpreter in a worker process that shares one frame's memory with this one."""

    def __init__(self, config: EngineConfig, *, timeout_s: float, start_timeout_s: float) -> None:
        """Start the process and open the model there.

        Args:
            config: of the engine in the worker.
            timeout_s: time limit of a frame.
            start_timeout_s: time limit of the opening, and of the first frame, during which many
                delegates compile the model.

        Raises:
            InterpreterError: as for `InterpreterEngine`; or the process ends or does not answer.
        """
        self._config, self._timeout_s = config, timeout_s
        self._limit_s = start_timeout_s
        self._ended: str | None = None
        try:
            memory = os.memfd_create("tfl-depth frame")
        except OSError as error:
            raise _not_started(error) from error
        try:
            self._process, self._channel = _start(config, memory)
            # Ends the process even if this object is not closed.
            self._end = weakref.finalize(self, _end, self._process, self._channel, os.getpid())
            self.info: EngineInfo = self._ask(config)[1]
            self._frame = SharedFrame(memory, self.info)
        finally:
            os.close(memory)

    def write(self, pixels: Pixels | Codes, channels: Channels) -> None:
        """Write into the shared memory."""
        write_input(pixels, channels, self._frame.input)

    def invoke(self) -> float:
        """Let the worker compute, and wait for it.

        Raises:
            InterpreterError: the interpreter fails, or its process ends or does not answer.
        """
        invoke_s, _ = self._ask()
        self._limit_s = self._timeout_s
        return invoke_s

    def collect(self, codes: npt.NDArray[Any]) -> None:
        """Copy from the shared memory."""
        np.copyto(codes, self._frame.codes)

    def _ask(self, thing: Any = None) -> tuple[float, Any]:
        """Return the process's answer. If there is none, kill the process."""
        try:
            self._channel.send(self._limit_s, thing, limit_s=self._limit_s)
            answer = self._channel.receive(self._limit_s)
        except TimeoutError:
            self._process.kill()
            raise self._fault(f"gave no answer in {self._limit_s:.1f} s, and was killed") from None
        except (EOFError, OSError):
            raise self._fault(_death(self._process)) from None
        except BaseException:
            # Its late answer would be taken for that of the next frame.
            self._process.kill()
            raise
        if isinstance(answer[1], DepthError):
            raise answer[1]
        return answer

    def _fault(self, what: str) -> InterpreterError:
        """Make the error for the process's end. Every call names the first cause."""
        self._ended = self._ended or what
        return fault_of(self._config.delegate, self._ended)

    def _close(self) -> None:
        """End the process."""
        self._ended = self._ended or "was closed"
        self._end()


def _start(config: EngineConfig, memory: int) -> tuple[subprocess.Popen[bytes], MessageChannel]:
    """Start a process that waits for its `EngineConfig`. Return it and the channel to it."""
    try:
        return _started(config, memory)
    except OSError as error:
        raise _not_started(error) from error


def _not_started(error: OSError) -> InterpreterError:
    return InterpreterError(
        f"The interpreter's process cannot be started: {error.strerror}. Close runners and files, "
        "or raise the limit (ulimit -n)."
    )


def _started(config: EngineConfig, memory: int) -> tuple[subprocess.Popen[bytes], MessageChannel]:
    ours, theirs = socket.socketpair()
    environment = {} if config.delegate is None else config.delegate.environment
    handles = (theirs.fileno(), memory)
    with theirs:
        try:
            process = subprocess.Popen(
                child.run_module("tfl_depth.runtime.engines.worker", *map(str, handles)),
                pass_fds=handles,
                stdin=subprocess.DEVNULL,
                # Prints of a delegate go to standard error, not into a command's output.
                stdout=2,
                env=child.environment(**environment),
            )
        except BaseException:
            ours.close()
            raise
    return process, MessageChannel(ours)


def _end(process: subprocess.Popen[bytes], channel: MessageChannel, maker: int) -> None:
    """Let a process end by itself, or kill it. Only the process that started it may do so."""
    if not is_own(maker):
        return
    channel.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
        return
    process.kill()
    # A process that hangs inside a driver cannot be killed. It is left to the system.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)


def _death(process: subprocess.Popen[bytes]) -> str:
    """Describe the end of a process whose channel has ended."""
    try:
        status = process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return "closed its channel, and was killed"
    if status < 0:
        # Most real-time signals have no name.
        name = next((each.name for each in signal.Signals if each == -status), f"signal {-status}")
        return f"crashed: {name} ({signal.strsignal(-status)}) ended its process"
    return f"ended its process, with exit status {status}"
