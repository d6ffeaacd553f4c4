"""Creation of environments of pinned packages, complete and by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfl_depth.errors import ConversionError

if TYPE_CHECKING:
    from tfl_depth.converters.importers.environments import Environment

# Time limit in seconds, for gigabytes over a slow connection.
_INSTALL_TIMEOUT_S = 3600
_MARKER = ".complete"


def made(environment: Environment, folder: Path, say: Callable[[str], None]) -> Path:
    """Return the Python of the environment in a folder. Create it if it is not complete.

    Raises:
        ConversionError: it cannot be created. The text says what to do.
    """
    python = folder / "bin" / "python"
    if (folder / _MARKER).is_file():
        return python
    steps = _steps(environment, folder)
    with _locked(environment, folder):
        if (folder / _MARKER).is_file():  # created by the process that had the lock
            return python
        say(
            f"Creating an environment for {environment.title} in {folder}: once, some minutes and "
            f"about {environment.gigabytes:g} GB."
        )
        _make(environment, folder, steps)
    return python


@contextlib.contextmanager
def _locked(environment: Environment, folder: Path) -> Iterator[None]:
    """Hold the lock of one environment. A waiting process then finds it complete."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_suffix(".lock").open("w")
    except OSError as error:
        raise ConversionError(
            f"Cannot write into {folder.parent} ({error.strerror}). Set XDG_CACHE_HOME to a "
            f"writable folder. {_otherwise(environment)}"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(environment: Environment, folder: Path, steps: Sequence[Sequence[str]]) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # left by an interrupted process
    try:
        for step in steps:
            _run(environment, step)
        (folder / _MARKER).touch()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _run(environment: Environment, step: Sequence[str]) -> None:
    # Makes uv install the small CPU build of torch, unless the user sets another one.
    variables = {"UV_TORCH_BACKEND": "cpu", **os.environ}
    # Without the user's Python paths and warnings.
    variables = {name: value for name, value in variables.items() if name[:6] != "PYTHON"}
    try:
        done = subprocess.run(
            step,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_INSTALL_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConversionError(
            f"Cannot create the environment for {environment.title}: {error}. "
            f"{_otherwise(environment)}"
        ) from error
    if done.returncode != 0:
        raise ConversionError(
            f"Cannot create the environment for {environment.title}: {_reason(done.stdout)}. "
            f"{_otherwise(environment)}"
        )


def _reason(output: bytes) -> str:
    """Return the last line with an error; without one, the last line."""
    lines = output.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines)[-1].strip().rstrip(".")


def _steps(environment: Environment, folder: Path) -> list[list[str]]:
    """Return the commands that create an environment.

    Raises:
        ConversionError: there is neither uv nor a supported Python.
    """
    python, requirements = str(folder / "bin" / "python"), str(environment.requirements)
    uv = shutil.which("uv")
    if uv is not None:
        return [
            [uv, "venv", "--quiet", "--python", f"3.{environment.pythons[0]}", str(folder)],
            [uv, "pip", "install", "--quiet", "--python", python, "-r", requirements],
        ]
    base = fitting_python(environment)
    if base is None:
        versions = " or ".join(f"3.{minor}" for minor in environment.pythons)
        raise ConversionError(
            f"{environment.title.capitalize()} need an environment with Python {versions}, and "
            f"neither such a Python nor uv is on PATH: install one. {_otherwise(environment)}"
        )
    # -I: files of the current folder are not imported.
    pip = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [[str(base), "-I", "-m", "venv", str(folder)], [*pip, "--requirement", requirements]]


def _otherwise(environment: Environment) -> str:
    return (
        f"Or set {environment.variable} to a Python with the packages of "
        f"{environment.requirements}; or make a float .tflite on another machine, and convert it."
    )


def fitting_python(environment: Environment) -> Path | None:
    """Return a supported Python on this machine, if there is one."""
    for minor in environment.pythons:
        for candidate in _candidates(minor):
            if _is_version(candidate, minor):
                return candidate
    return None


def _candidates(minor: int) -> Iterator[Path]:
    if sys.version_info[:2] == (3, minor):
        yield Path(getattr(sys, "_base_executable", sys.executable))
    found = shutil.which(f"python3.{minor}")
    if found is not None:
        yield Path(found)
    # pyenv's commands on PATH refuse versions that are not activated.
    versions = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")) / "versions"  # noqa: PTH111 - a missing home is not an error
    yield from sorted(versions.glob(f"3.{minor}.*/bin/python3"))


def _is_version(python: Path, minor: int) -> bool:
    look = f"import sys, venv; sys.exit(sys.version_info[:2] != (3, {minor}))"
    try:
        done = subprocess.run([python, "-I", "-c", look], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
