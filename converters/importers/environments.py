"""Pythons with the packages that some importers need, and that the user's Python may lack."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfl_depth.errors import ConversionError

_REQUIREMENTS = Path(__file__).parent / "requirements"
# Gigabytes over a slow line.
_INSTALL_TIMEOUT_S = 3600
_MARKER = ".complete"


@dataclass(frozen=True)
class Environment:
    """What an importer needs.

    Attributes:
        name: "onnx", "torch" or "keras2"; its requirements file is called so.
        title: for messages.
        pythons: minor versions of Python 3 that fit, the preferred one first.
        packages: modules that an own Python must have to serve as it is, with the distribution
            and the oldest major version of each.
        gigabytes: about what it takes on disk, without CUDA's libraries.
    """

    name: str
    title: str
    pythons: tuple[int, ...]
    packages: tuple[tuple[str, str, int], ...]
    gigabytes: float

    @property
    def variable(self) -> str:
        """The environment variable that names a Python with the packages."""
        return f"TFL_DEPTH_{self.name.upper()}_PYTHON"

    @property
    def requirements(self) -> Path:
        """The file of pinned packages."""
        return _REQUIREMENTS / f"{self.name}.txt"


ONNX = Environment(
    "onnx",
    "ONNX networks",
    (12, 13),
    (("onnx2tf", "onnx2tf", 2), ("onnxruntime", "onnxruntime", 1)),
    0.7,
)
TORCH = Environment(
    "torch",
    "PyTorch networks",
    (11, 12, 13),
    (("torch", "torch", 2), ("litert_torch", "litert-torch", 0)),
    2.2,
)
KERAS2 = Environment(
    "keras2",
    "networks of Keras 2",
    (11, 12, 13, 10),
    (("tf_keras", "tf-keras", 2), ("tensorflow", "tensorflow", 2)),
    2.2,
)
ENVIRONMENTS = {each.name: each for each in (ONNX, TORCH, KERAS2)}


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def python_of(environment: Environment, *, say: Callable[[str], None] = _say) -> Path:
    """A Python that has an environment's packages; makes the environment where there is none.

    Args:
        environment: what is needed.
        say: told before something slow begins.

    Raises:
        ConversionError: there is none and none can be made; the text says what to do.
    """
    named = os.environ.get(environment.variable)
    if named:
        return _named(environment, named)
    if has_packages(environment):
        return Path(sys.executable)
    return _made(environment, say)


def _named(environment: Environment, named: str) -> Path:
    path = Path(named)
    if not path.is_file():
        raise ConversionError(
            f"{environment.variable} names {named}, which is not there: set it to a Python with "
            f"the packages of {environment.requirements}, or unset it."
        )
    return path.absolute()


def has_packages(environment: Environment) -> bool:
    """Whether this very Python has the packages."""
    return all(
        importlib.util.find_spec(module) is not None and _major(distribution) >= oldest
        for module, distribution, oldest in environment.packages
    )


def _major(distribution: str) -> int:
    try:
        return int(importlib.metadata.version(distribution).partition(".")[0])
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return -1


def folder_of(environment: Environment) -> Path:
    """Where the environment that this version of the tool makes lies."""
    digest = hashlib.sha256(environment.requirements.read_bytes()).hexdigest()[:12]
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else Path.home() / ".cache"
    return base / "tfl-depth" / "environments" / f"{environment.name}-{digest}"


def _made(environment: Environment, say: Callable[[str], None]) -> Path:
    folder = folder_of(environment)
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
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from sorted(versions.glob(f"3.{minor}.*/bin/python3"))


def _is_version(python: Path, minor: int) -> bool:
    look = f"import sys, venv; sys.exit(sys.version_info[:2] != (3, {minor}))"
    try:
        done = subprocess.run([python, "-I", "-c", look], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def main(names: Sequence[str]) -> int:
    """Make the named environments; tells those for which this machine has no Python.

    Returns:
        1 where one could not be made.
    """
    status = 0
    for name in names:
        try:
            print(f"{name}: {python_of(ENVIRONMENTS[name])}", flush=True)
        except ConversionError as error:
            _say(f"Left out: {error}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
