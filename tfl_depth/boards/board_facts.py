"""The facts about a board, and what it lacks. They are known before anything is copied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfl_depth.boards.board_book import BoardEntry

# The versions that the runtime was tested with; setup.cfg has the same for packages.
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 14)
COMPILED = {"numpy": ((1, 26), "numpy>=1.26"), "cv2": ((4, 8), "opencv-python-headless>=4.8")}
# Pure Python packages: they are sent if they are missing.
PURE = ("absl", "flatbuffers", "tqdm")
# The interpreter package on PyPI for each processor.
INTERPRETER_FOR = {
    "aarch64": "ai-edge-litert",
    "x86_64": "ai-edge-litert",
    "armv7l": "tflite-runtime",
}


@dataclass(frozen=True)
class BoardFacts:
    """The facts about a board, as its own Python reports them.

    Attributes:
        python, executable: the version of its Python, and where that is.
        machine: the processor, as in `uname -m`.
        system, kernel, model: names of its image, its kernel, and its device tree if it has one.
        pip: whether its Python has pip.
        packages: version and error of each package that the runtime needs; None for a missing one.
        interpreter: name, version and error of the interpreter package that the runtime uses; None
            without one.
        folder: the folder for files.
        unwritable: why the folder cannot be written; empty if it can.
    """

    python: str
    executable: str
    machine: str
    system: str
    kernel: str
    model: str
    pip: bool
    packages: Mapping[str, dict[str, str] | None]
    interpreter: dict[str, str] | None
    folder: str
    unwritable: str

    @property
    def description(self) -> str:
        """The name of the board or of its processor."""
        return self.model or f"a machine without a device tree ({self.machine})"

    def as_report(self) -> dict[str, Any]:
        """The part of a report about the board."""
        package = self.interpreter or {}
        return {
            "description": self.description,
            "machine": self.machine,
            "system": self.system,
            "kernel": self.kernel,
            "python": self.python,
            "interpreter": f"{package.get('name')} {package.get('version')}".strip(),
        }


def python_refusal(entry: BoardEntry, version: str) -> str | None:
    """Why the runtime does not run on a version of Python; None if it does."""
    if OLDEST_PYTHON <= _numbers(version) <= NEWEST_PYTHON:
        return None
    low, high = (".".join(map(str, each)) for each in (OLDEST_PYTHON, NEWEST_PYTHON))
    return (
        f"{entry.python} of {entry.name} is Python {version}, and the runtime needs {low} to "
        f"{high}: name another one with tfl-depth board add --python."
    )


def refusals(entry: BoardEntry, facts: BoardFacts) -> Iterator[str]:
    """What the board lacks, one sentence for each."""
    for name, (oldest, requirement) in COMPILED.items():
        yield from _of_package(entry, facts, name, oldest, requirement)
    yield from _of_interpreter(entry, facts)
    if facts.unwritable:
        yield (
            f"The folder {facts.folder} of {entry.name} cannot be written ({facts.unwritable}): "
            "name another one with tfl-depth board add --folder."
        )


def disk_full(entry: BoardEntry, folder: str, free_bytes: int, needed_bytes: int) -> str:
    """The sentence for a board with too little space."""
    return (
        f"The disk of {entry.name} is full: {needed_bytes / 1e6:.1f} MB are needed in {folder}, "
        f"{free_bytes / 1e6:.1f} MB are free: delete that folder's content, or name another one "
        "with tfl-depth board add --folder."
    )


def _of_package(
    entry: BoardEntry, facts: BoardFacts, name: str, oldest: tuple[int, ...], requirement: str
) -> Iterator[str]:
    found = facts.packages[name]
    if found is None:
        yield f"{entry.name} lacks {name}: {_get(entry, facts, requirement)}."
    elif found["error"]:
        yield _does_not_load(entry, facts, name, found["error"], requirement)
    elif _numbers(found["version"]) < oldest:
        yield (
            f"{entry.name} has {name} {found['version']}, which is too old: "
            f"{_get(entry, facts, requirement)}."
        )


def _of_interpreter(entry: BoardEntry, facts: BoardFacts) -> Iterator[str]:
    package = INTERPRETER_FOR.get(facts.machine)
    if facts.interpreter is None:
        if package is None:
            yield (
                f"{entry.name} has no TensorFlow Lite interpreter, and there is no package of one "
                f"for its architecture, {facts.machine}: use a board with "
                f"{', '.join(INTERPRETER_FOR)}."
            )
        else:
            yield (
                f"{entry.name} has no TensorFlow Lite interpreter: {_get(entry, facts, package)}."
            )
    elif facts.interpreter["error"]:
        name, error = facts.interpreter["name"], facts.interpreter["error"]
        yield _does_not_load(entry, facts, name, error, package or name)


def _does_not_load(
    entry: BoardEntry, facts: BoardFacts, name: str, error: str, requirement: str
) -> str:
    return (
        f"{name} of {entry.name} does not load on its architecture, {facts.machine} "
        f"({error.rstrip('.')}): {_get(entry, facts, requirement)}."
    )


def _get(entry: BoardEntry, facts: BoardFacts, requirement: str) -> str:
    if facts.pip:
        return f"run there {facts.executable} -m pip install '{requirement}'"
    name = re.split("[<>=]", requirement)[0]
    return f"it has no pip, so put {name} into its image, or pip by python3 -m ensurepip"


def _numbers(version: str) -> tuple[int, ...]:
    """Major and minor of a version."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
