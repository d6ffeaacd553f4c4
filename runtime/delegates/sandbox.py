"""Run something that may crash or hang, in a process group of its own, with a time limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# How long a killed process is waited for. One that waits inside a driver does not die.
_GRACE_S = 2.0
# How lines of TensorFlow Lite begin that are no errors.
_NEWS = ("INFO:", "VERBOSE:")


def cause(status: int) -> str:
    """What an exit status says: the name of a signal, or the number."""
    if status < 0:
        return signal.Signals(-status).name
    return f"it ended the process (status {status})"


@dataclass(frozen=True)
class ProcessResult:
    """What came of a process.

    Attributes:
        status: its exit status, a signal's number below 0, or None where it was stopped.
        output, errors: what it printed.
    """

    status: int | None
    output: str
    errors: str

    @property
    def last_words(self) -> str:
        """The last line on standard error that is no news of TensorFlow Lite's, or ""."""
        lines = [line.strip() for line in self.errors.splitlines()]
        return next((line for line in reversed(lines) if line and not line.startswith(_NEWS)), "")


def run_sandboxed(
    command: Sequence[str], environment: Mapping[str, str], *, timeout_s: float
) -> ProcessResult:
    """Run a command, and stop it with all of its children when its time is over.

    Args:
        command: a program and its arguments.
        environment: variables beside those of this process.
        timeout_s: seconds that it has.
    """
    # Files and not pipes: children that it left behind would hold a pipe open.
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
