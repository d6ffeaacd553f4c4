"""Runs commands that may crash or hang, in their own process group, with a time limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Time to wait for a killed process. A process that waits inside a driver does not die.
_GRACE_S = 2.0
# Beginnings of TensorFlow Lite's lines that are not errors.
_NEWS = ("INFO:", "VERBOSE:")


def cause(status: int) -> str:
    """Describe an exit status: the name of the signal, or the number."""
    if status < 0:
        return signal.Signals(-status).name
    return f"it ended the process (status {status})"


@dataclass(frozen=True)
class ProcessResult:
    """Result of a process.

    Attributes:
        status: the exit status; a negative signal number; None if it was stopped at the limit.
        output, errors: its standard output and standard error.
    """

    status: int | None
    output: str
    errors: str

    @property
    def last_words(self) -> str:
        """The last line on standard error, without TensorFlow Lite's information; "" if none."""
        lines = [line.strip() for line in self.errors.splitlines()]
        return next((line for line in reversed(lines) if line and not line.startswith(_NEWS)), "")


def run_sandboxed(
    command: Sequence[str], environment: Mapping[str, str], *, timeout_s: float
) -> ProcessResult:
    """Run a command. At the time limit, stop it and all of its children.

    Args:
        command: a program and its arguments.
        environment: more environment variables for the process.
        timeout_s: time limit in seconds.
    """
    # Files instead of pipes: children that outlive the process would keep a pipe open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        status = _wait(process, timeout_s)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return ProcessResult(status, *texts)


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        return None
