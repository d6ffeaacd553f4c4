"""The interpreters and the delegates that `doctor` finds on a board."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tfl_depth.child import environment, run_code
from tfl_depth.diagnostics.doctor_run import WORKS, ModelRun
from tfl_depth.runtime.delegates import Board, DelegateSpec
from tfl_depth.runtime.delegates.extensions import all_rows
from tfl_depth.runtime.delegates.probe import State, probe
from tfl_depth.runtime.delegates.sandbox import run_sandboxed
from tfl_depth.runtime.engines.interpreter import PACKAGES

InterpreterState = Literal["works", "broken", "spare"]
DelegateState = State | Literal["missing", "unprobed"]
UNPROBED: DelegateState = "unprobed"


@dataclass(frozen=True)
class InterpreterStatus:
    """An interpreter package that is installed.

    Attributes:
        name: its import name.
        version: None if its metadata is not installed.
        state: "works", "broken", or "spare" if the runtime does not use it.
        detail: why it is broken.
    """

    name: str
    version: str | None
    state: InterpreterState
    detail: str = ""


@dataclass(frozen=True)
class DelegateStatus:
    """The state of a delegate of the table on this board.

    Attributes:
        name, title: of its row.
        library: None if it is not on the board.
        devices: the device files of its driver that exist.
        state: the state of a `Probe`, "missing", or "unprobed" if the library is not an external
            delegate, and only a model shows whether it works.
        detail: of the probe.
        install: of its row.
    """

    name: str
    title: str
    library: str | None
    devices: tuple[str, ...]
    state: DelegateState
    detail: str
    install: str


def find_interpreters(timeout_s: float) -> Iterator[InterpreterStatus]:
    """The interpreter packages. The runtime uses the first that works."""
    installed = [name for name in PACKAGES if importlib.util.find_spec(name.partition(".")[0])]
    for number, name in enumerate(installed):
        package = name.partition(".")[0]
        try:
            version = importlib.metadata.version(package.replace("_", "-"))
        except importlib.metadata.PackageNotFoundError:
            version = None
        if number:
            yield InterpreterStatus(package, version, "spare")
        else:
            yield InterpreterStatus(package, version, *_imported(name, timeout_s))


def _imported(name: str, timeout_s: float) -> tuple[InterpreterState, str]:
    ended = run_sandboxed(
        run_code(f"import {name}", flags=("-W", "ignore")), environment(), timeout_s=timeout_s
    )
    if ended.status == 0:
        return WORKS, ""
    return "broken", ended.last_words or "its import crashes or hangs"


def find_delegates(board: Board, timeout_s: float) -> Iterator[DelegateStatus]:
    """Every known delegate, with the result of a probe of its library."""
    for name, row in all_rows().items():
        library = board.library(row.libraries, row.folders)
        state, detail = _probed(row, library, timeout_s)
        path = None if library is None else str(library)
        found = board.devices(row.devices)
        yield DelegateStatus(name, row.title, path, found, state, detail, row.install)


def _probed(row: DelegateSpec, library: Path | None, timeout_s: float) -> tuple[DelegateState, str]:
    if library is None:
        return "missing", ""
    if not row.external:
        return UNPROBED, "a model tries it: tfl-depth doctor MODEL"
    done = probe(library, row.defaults, row.environment, timeout_s=timeout_s)
    return done.state, done.detail


def runnable(interpreters: Sequence[InterpreterStatus], runs: Sequence[ModelRun] | None) -> bool:
    """Whether the model runs here; without a model, whether a model could run."""
    if runs is not None:
        return any(run.state == WORKS for run in runs)
    return any(each.state == WORKS for each in interpreters)
