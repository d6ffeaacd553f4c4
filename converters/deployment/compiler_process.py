"""A vendor's compiler, run as a process with a time limit."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfl_depth.errors import ConversionError


def run_compiler(
    command: Sequence[str | Path],
    *,
    name: str,
    target: str,
    program: str,
    limit_s: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a compiler, and return its status and what it has printed.

    Args:
        command: the program and its arguments.
        name: of the compiler, for messages.
        target: what it compiles for, for messages.
        program: what does not start if the command is not there, for messages.
        limit_s: in seconds.
        folder: the current folder of the process; None: this one's.
        environment: of the process; None: this one's.

    Raises:
        ConversionError: it does not start, or takes longer.
    """
    try:
        return subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=folder,
            env=environment,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(
            f"{name} took more than {limit_s:g} s for {target} and was stopped."
        ) from error
    except OSError as error:
        raise ConversionError(f"{program} does not start: {error.strerror}.") from error
