"""What a board is and has, and whether that is enough: known before anything is copied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfl_depth.boards.board_book import BoardEntry

# What the runtime was tried with; setup.cfg says the same of packages.
OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 14)
COMPILED = {"numpy": ((1, 26), "numpy>=1.26"), "cv2": ((4, 8), "opencv-python-headless>=4.8")}
# Of Python alone: brought along where they lack.
PURE = ("absl", "flatbuffers", "tqdm")
# The interpreter packages, by the processors that PyPI has them for.
INTERPRETER_FOR = {
    "aarch64": "ai-edge-litert",
    "x86_64": "ai-edge-litert",
    "armv7l": "tflite-runtime",
}


@dataclass(frozen=True)
class BoardFacts:
    """A board as its own Python tells of it.

    Attributes:
        python, executable: the version of its Python, and where that is.
        machine: the processor, as `uname -m` says.
        system, kernel, model: names of its image, its kernel and, where it has one, its device
            tree.
        pip: whether its Python has pip.
        packages: version and error of each that the runtime needs; None for one that is not there.
        interpreter: name, version and error of the interpreter package that the runtime takes; None
            without one.
        folder: where files go.
        unwritable: why nothing can be written there; empty where it can be.
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
        """Board or processor, for people."""
        return self.model or f"a machine without a device tree ({self.machine})"

    def as_report(self) -> dict[str, Any]:
        """What a report says of the board."""
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
    """Why the runtime does not run on a version of Python; None where it does."""
    if OLDEST_PYTHON <= _numbers(version) <= NEWEST_PYTHON:
        return None
    low, high = (".".join(map(str, each)) for each in (OLDEST_PYTHON, NEWEST_PYTHON))
    return (
        f"{entry.python} of {entry.name} is Python {version}, and the runtime needs {low} to "
        f"{high}: name another one with tfl-depth board add --python."
    )


def refusals(entry: BoardEntry, facts: BoardFacts) -> Iterator[str]:
    """What the board lacks, a sentence each."""
    for name, (oldest, requirement) in COMPILED.items():
        yield from _of_package(entry, facts, name, oldest, requirement)
    yield from _of_interpreter(entry, facts)
    if facts.unwritable:
        yield (
            f"The folder {facts.folder} of {entry.name} cannot be written ({facts.unwritable}): "
            "name another one with tfl-depth board add --folder."
        )


def disk_full(entry: BoardEntry, folder: str, free_bytes: int, needed_bytes: int) -> str:
    """The sentence for a board that has too little room."""
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
                f"for its architecture, {facts.machine}: take a board of "
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
