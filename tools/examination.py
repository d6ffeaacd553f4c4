"""What is on a board, looked at by `doctor`: the interpreters and the delegates."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfl_depth.child import environment, run_code
from tfl_depth.runtime.delegates import Board, DelegateRow
from tfl_depth.runtime.delegates.confined import run_confined
from tfl_depth.runtime.delegates.extensions import all_rows
from tfl_depth.runtime.delegates.probe import probe
from tfl_depth.runtime.interpreter import PACKAGES
from tfl_depth.tools.trial import QUIETLY, WORKS, Trial


@dataclass(frozen=True)
class Interpreter:
    """An interpreter package that is installed.

    Attributes:
        name: as it is imported.
        version: None where its metadata is not installed.
        state: "works", "broken", or "spare" for one that the runtime does not take.
        detail: why it is broken.
    """

    name: str
    version: str | None
    state: str
    detail: str = ""


@dataclass(frozen=True)
class Delegate:
    """A delegate of the table, as it is on this board.

    Attributes:
        name, title: of its row.
        library: None where it is not on the board.
        devices: the files of its driver that are there.
        state: a `Probe`'s, "missing", or "unprobed" where the library is no external delegate.
        detail: as the probe says.
        install: of its row.
    """

    name: str
    title: str
    library: str | None
    devices: tuple[str, ...]
    state: str
    detail: str
    install: str


def find_interpreters(timeout_s: float) -> Iterator[Interpreter]:
    """The interpreter packages, in the order in which the runtime takes the first."""
    installed = [name for name in PACKAGES if importlib.util.find_spec(name.partition(".")[0])]
    for number, name in enumerate(installed):
        package = name.partition(".")[0]
        try:
            version = importlib.metadata.version(package.replace("_", "-"))
        except importlib.metadata.PackageNotFoundError:
            version = None
        state, detail = ("spare", "") if number else _imported(name, timeout_s)
        yield Interpreter(package, version, state, detail)


def _imported(name: str, timeout_s: float) -> tuple[str, str]:
    ended = run_confined(
        run_code(f"import {name}", flags=QUIETLY), environment(), timeout_s=timeout_s
    )
    if ended.status == 0:
        return WORKS, ""
    return "broken", ended.last_words or "its import crashes or hangs"


def find_delegates(board: Board, timeout_s: float) -> Iterator[Delegate]:
    """Every delegate that is known, and what comes of the library of each."""
    for name, row in all_rows().items():
        library = board.library(row.libraries, row.folders)
        state, detail = _probed(row, library, timeout_s)
        path = None if library is None else str(library)
        found = board.devices(row.devices)
        yield Delegate(name, row.title, path, found, state, detail, row.install)


def _probed(row: DelegateRow, library: Path | None, timeout_s: float) -> tuple[str, str]:
    if library is None:
        return "missing", ""
    if not row.external:
        return "unprobed", "it is no external delegate"
    done = probe(library, row.defaults, row.environment, timeout_s=timeout_s)
    return done.state, done.detail


def runnable(interpreters: Sequence[Interpreter], trials: Sequence[Trial] | None) -> bool:
    """Whether anything here runs the model, or, without one, whether any could run."""
    if trials is not None:
        return any(trial.state == WORKS for trial in trials)
    return any(each.state == WORKS for each in interpreters)
