"""The folders of the parts of engines of proof, and their processes.

A part may crash, and its pins may conflict with other packages. So it is in a separate folder,
which no other process has on its path.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfl_depth import child
from tfl_depth.errors import InterpreterError

# Environment variable with another base folder. It has a folder for each group of parts.
VARIABLE = "TFL_DEPTH_PROOF"
# The largest network of the zoo takes 15 s a frame on a slow processor.
TIME_LIMIT_S = 600


def part_folder(name: str) -> Path:
    """The folder of a group of parts: $TFL_DEPTH_PROOF/NAME or ~/.cache/tfl-depth/proof/NAME."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).absolute() / name
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return cache / "tfl-depth" / "proof" / name


def part_path(name: str, needs: str) -> Path | None:
    """Return where a group of parts has a file or a package; None if it is not installed.

    Args:
        name: of the group.
        needs: a path in the group's folder. A package may be in this environment instead, as the
            extras of tfl-depth install it.
    """
    path = part_folder(name) / needs
    if path.exists():
        return path
    spec = importlib.util.find_spec(needs) if needs.isidentifier() else None
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def with_part(name: str) -> dict[str, str]:
    """Environment of a Python process that imports the modules of a group of parts, by its name."""
    variables = child.environment()
    variables["PYTHONPATH"] += f"{os.pathsep}{part_folder(name)}"
    return variables


def run_part(
    title: str, command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None
) -> str:
    """Run a part as a process and return what it prints.

    Args:
        title: of the part, for messages.
        command: the program and its arguments.
        environment: variables beside those of this process.

    Raises:
        InterpreterError: it cannot be started, fails, crashes, or takes too long.
    """
    try:
        done = subprocess.run(
            list(map(str, command)),
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=TIME_LIMIT_S,
        )
    except OSError as error:
        raise InterpreterError(f"{title} cannot be started: {error.strerror}.") from error
    except subprocess.TimeoutExpired as error:
        raise InterpreterError(f"{title} did not end within {TIME_LIMIT_S} s.") from error
    if done.returncode != 0:
        raise InterpreterError(
            f"{title} refuses the model or crashes, with exit status {done.returncode}: "
            f"{_last_words(done.stderr) or _last_words(done.stdout) or 'it printed nothing'}"
        )
    return done.stdout + done.stderr


def _last_words(printed: str) -> str:
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return " ".join(lines[-3:])[-400:]
