"""Make environments of pinned packages: once, whole, and by one process at a time."""

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

# Gigabytes over a slow line.
_INSTALL_TIMEOUT_S = 3600
_MARKER = ".complete"


def made(environment: Environment, folder: Path, say: Callable[[str], None]) -> Path:
    """The Python of the environment in a folder; makes it where it is not whole.

    Raises:
        ConversionError: it cannot be made; the text says what to do.
    """
    python = folder / "bin" / "python"
    if (folder / _MARKER).is_file():
        return python
    steps = _steps(environment, folder)
    with _locked(environment, folder):
        if (folder / _MARKER).is_file():  # by the process that held the lock
            return python
        say(
            f"Making an environment for {environment.title} in {folder}: once, some minutes and "
            f"about {environment.gigabytes:g} GB."
        )
        _make(environment, folder, steps)
    return python


@contextlib.contextmanager
def _locked(environment: Environment, folder: Path) -> Iterator[None]:
    """Hold the lock of one environment; a process that waits for it finds it made."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_suffix(".lock").open("w")
    except OSError as error:
        raise ConversionError(
            f"Cannot write into {folder.parent} ({error.strerror}): set XDG_CACHE_HOME to a folder "
            f"that can be written. {_otherwise(environment)}"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(environment: Environment, folder: Path, steps: Sequence[Sequence[str]]) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted process left
    try:
        for step in steps:
            _run(environment, step)
        (folder / _MARKER).touch()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _run(environment: Environment, step: Sequence[str]) -> None:
    # uv takes the small CPU build of torch so; others can be asked for.
    variables = {"UV_TORCH_BACKEND": "cpu", **os.environ}
    # Paths and warnings of the user's Python have no say in another one.
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
            f"Cannot make the environment for {environment.title}: {error}. "
            f"{_otherwise(environment)}"
        ) from error
    if done.returncode != 0:
        raise ConversionError(
            f"Cannot make the environment for {environment.title}: {_reason(done.stdout)}. "
            f"{_otherwise(environment)}"
        )


def _reason(output: bytes) -> str:
    """The last line that tells of an error; without one, the last line."""
    lines = output.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines)[-1].strip().rstrip(".")


def _steps(environment: Environment, folder: Path) -> list[list[str]]:
    """The commands that make an environment.

    Raises:
        ConversionError: there is neither uv nor a Python that fits.
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
    # -I: a file of the current folder that is called as a module of theirs is not run.
    pip = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [[str(base), "-I", "-m", "venv", str(folder)], [*pip, "--requirement", requirements]]


def _otherwise(environment: Environment) -> str:
    return (
        f"Or name a Python with the packages of {environment.requirements} in "
        f"{environment.variable}; or make a float .tflite elsewhere, and convert that."
    )


def fitting_python(environment: Environment) -> Path | None:
    """A Python on this machine of a version that fits, if there is one."""
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
    # pyenv's commands on PATH refuse versions that are not switched on.
    versions = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")) / "versions"  # noqa: PTH111 - no home is no error
    yield from sorted(versions.glob(f"3.{minor}.*/bin/python3"))


def _is_version(python: Path, minor: int) -> bool:
    look = f"import sys, venv; sys.exit(sys.version_info[:2] != (3, {minor}))"
    try:
        done = subprocess.run([python, "-I", "-c", look], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
