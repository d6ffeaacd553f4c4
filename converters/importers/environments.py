"""Python environments with packages that some importers need."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfl_depth.converters.importers.making import made
from tfl_depth.errors import ConversionError

_REQUIREMENTS = Path(__file__).parent / "requirements"


@dataclass(frozen=True)
class Environment:
    """An environment of an importer.

    Attributes:
        name: "onnx", "torch" or "keras2"; also the name of its requirements file.
        title: for messages.
        pythons: supported minor versions of Python 3, the preferred one first.
        packages: modules that this Python must have to be used directly, with the distribution and
            the oldest major version of each.
        gigabytes: approximate size on disk, without CUDA's libraries.
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
    """Return a Python with an environment's packages. Create the environment if needed.

    Args:
        environment: the environment.
        say: prints a message before a slow step.

    Raises:
        ConversionError: the environment cannot be created. The text says what to do.
    """
    named = os.environ.get(environment.variable)
    if named:
        return _named(environment, named)
    if has_packages(environment):
        return Path(sys.executable)
    return made(environment, folder_of(environment), say)


def _named(environment: Environment, named: str) -> Path:
    path = Path(named)
    if not path.is_file():
        raise ConversionError(
            f"{environment.variable} names {named}, which does not exist. Set it to a Python with "
            f"the packages of {environment.requirements}, or unset it."
        )
    return path.absolute()


def has_packages(environment: Environment) -> bool:
    """Whether this Python has the packages."""
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
    """Return the folder of the environment for this version of tfl-depth.

    Raises:
        ConversionError: XDG_CACHE_HOME is not set to an absolute path, and the user has no home.
    """
    digest = hashlib.sha256(environment.requirements.read_bytes()).hexdigest()[:12]
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        base = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:  # no HOME, and the user is not in the system's user list
        raise ConversionError(
            f"The environment for {environment.title} needs a folder, and this user has no home "
            "folder. Set XDG_CACHE_HOME to a writable folder."
        ) from error
    return base / "tfl-depth" / "environments" / f"{environment.name}-{digest}"


def main(names: Sequence[str]) -> int:
    """Create the named environments. Report those for which this machine has no Python.

    Returns:
        1 if one could not be created.
    """
    status = 0
    for name in names:
        try:
            print(f"{name}: {python_of(ENVIRONMENTS[name])}", flush=True)
        except ConversionError as error:
            _say(f"Skipped: {error}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
