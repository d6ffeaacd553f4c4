"""An interpreter in a process of its own: a delegate that crashes or hangs ends nothing else."""

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

# How long a process may take to end, once it has no more to do or was ended.
END_S = 5.0


class SubprocessEngine(Engine):
    """An interpreter in a worker process, which shares one frame's memory with this one."""

    def __init__(self, config: EngineConfig, *, timeout_s: float, start_timeout_s: float) -> None:
        """Start the process and open the model there.

        Args:
            config: what is opened.
            timeout_s: how long a frame may take.
            start_timeout_s: how long the opening may take, and the first frame, at which many
                delegates compile the model.

        Raises:
            InterpreterError: as `InterpreterEngine`; or the process dies, or does not answer.
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
            # Also where nobody closes this one.
            self._end = weakref.finalize(self, _end, self._process, self._channel, os.getpid())
            self.info: EngineInfo = self._ask(config)[1]
            self._frame = SharedFrame(memory, self.info)
        finally:
            os.close(memory)

    def write(self, pixels: Pixels | Codes, channels: Channels) -> None:
        """Write into the shared memory."""
        write_input(pixels, channels, self._frame.input)

    def invoke(self) -> float:
        """Let the process compute, and wait for it.

        Raises:
            InterpreterError: the interpreter fails, or its process dies, or does not answer.
        """
        invoke_s, _ = self._ask()
        self._limit_s = self._timeout_s
        return invoke_s

    def collect(self, codes: npt.NDArray[Any]) -> None:
        """Copy from the shared memory."""
        np.copyto(codes, self._frame.codes)

    def _ask(self, thing: Any = None) -> tuple[float, Any]:
        """The answer of the process. Where there is none it is ended."""
        try:
            self._channel.send(self._limit_s, thing, limit_s=self._limit_s)
            answer = self._channel.receive(self._limit_s)
        except TimeoutError:
            self._process.kill()
            raise self._fault(f"gave no answer in {self._limit_s:.1f} s, and was ended") from None
        except (EOFError, OSError):
            raise self._fault(_death(self._process)) from None
        except BaseException:
            # Or the answer that nobody waits for would be taken for the next frame's.
            self._process.kill()
            raise
        if isinstance(answer[1], DepthError):
            raise answer[1]
        return answer

    def _fault(self, what: str) -> InterpreterError:
        """What to say of the process's end: the first cause, as often as it is asked."""
        self._ended = self._ended or what
        return fault_of(self._config.delegate, self._ended)

    def _close(self) -> None:
        """End the process."""
        self._ended = self._ended or "was closed"
        self._end()


def _start(config: EngineConfig, memory: int) -> tuple[subprocess.Popen[bytes], MessageChannel]:
    """A process that waits for its `EngineConfig`, and the channel to it."""
    try:
        return _started(config, memory)
    except OSError as error:
        raise _not_started(error) from error


def _not_started(error: OSError) -> InterpreterError:
    return InterpreterError(
        f"The process of the interpreter cannot be started: {error.strerror}. Close runners and "
        "files, or raise the limit (ulimit -n)."
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
                # What a delegate prints must not come into a command's output.
                stdout=2,
                env=child.environment(**environment),
            )
        except BaseException:
            ours.close()
            raise
    return process, MessageChannel(ours)


def _end(process: subprocess.Popen[bytes], channel: MessageChannel, maker: int) -> None:
    """Let a process end by itself, and where it does not, end it; its maker alone may do so."""
    if not is_own(maker):
        return
    channel.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
        return
    process.kill()
    # One that hangs inside its driver cannot even be killed: it is left to the system.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)


def _death(process: subprocess.Popen[bytes]) -> str:
    """How a process has ended whose channel has ended."""
    try:
        status = process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return "ended its channel, and was ended"
    if status < 0:
        # Of the real-time signals most have no name.
        name = next((each.name for each in signal.Signals if each == -status), f"signal {-status}")
        return f"crashed: {name} ({signal.strsignal(-status)}) ended its process"
    return f"ended its process, with exit status {status}"
