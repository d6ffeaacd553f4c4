"""What is on a board, looked at by `doctor`: interpreters, delegates, and whether a model runs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates import Board, Chosen, DelegateRow, choose
from tfl_depth.runtime.delegates.automatic import compiled_for
from tfl_depth.runtime.delegates.choose import AUTO, CPU
from tfl_depth.runtime.delegates.confined import cause, run_confined
from tfl_depth.runtime.delegates.extensions import all_rows
from tfl_depth.runtime.delegates.model_file import read_model_file
from tfl_depth.runtime.delegates.probe import probe
from tfl_depth.runtime.interpreter import PACKAGES
from tfl_depth.tools.trial import MARK

WORKS = "works"
_TRIAL = "from tfl_depth.tools.trial import main; sys.exit(main(sys.argv[1:]))"


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


@dataclass(frozen=True)
class Trial:
    """A model, run on a delegate or on the CPU.

    Attributes:
        delegate: its name, or "cpu".
        state: "works", "fails", "crashes" or "hangs".
        detail: why it does not work.
        reason: why this delegate was tried.
        first_s, steady_s: seconds of the first run and of the later ones.
        taken, operators: how many of the model's operators the delegate took.
        proof: what its golden vectors said of the depth, None for a model without any.
    """

    delegate: str
    state: str
    detail: str = ""
    reason: str = ""
    first_s: float | None = None
    steady_s: float | None = None
    taken: int | None = None
    operators: int | None = None
    proof: str | None = None


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
    ended = run_confined(_python(f"import {name}"), _paths(), timeout_s=timeout_s)
    if ended.status == 0:
        return WORKS, ""
    said = [line for line in ended.errors.splitlines() if line.strip()]
    return "broken", said[-1] if said else "its import crashes or hangs"


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


def try_model(model: Path, board: Board, timeout_s: float) -> Iterator[Trial]:
    """Run a model as `auto` would, and a portable one on the CPU where that does not work."""
    content = model.read_bytes()
    with warnings.catch_warnings():
        # They stand in the reason, or in the trial.
        warnings.simplefilter("ignore")
        try:
            chosen = choose(AUTO, {}, content, board=board)
        except DelegateError as error:
            yield Trial(AUTO, "fails", str(error))
            return
    trial = _try(model, chosen, timeout_s)
    yield trial
    portable = not compiled_for(all_rows(), read_model_file(content))
    if portable and chosen.name != CPU and trial.state != WORKS:
        yield _try(model, Chosen(CPU, None, {}, {}, "In its place."), timeout_s)


def _try(model: Path, chosen: Chosen, timeout_s: float) -> Trial:
    delegate = [] if chosen.library is None else [chosen.library, json.dumps(chosen.options)]
    command = [*_python(_TRIAL), str(model), *delegate]
    ended = run_confined(command, {**_paths(), **chosen.environment}, timeout_s=timeout_s)
    trial = partial(Trial, chosen.name, reason=chosen.reason)
    if ended.status is None:
        return trial("hangs", f"it was stopped after {timeout_s:g} s")
    results = [line for line in ended.output.splitlines() if line.startswith(MARK)]
    if not results or ended.status not in (0, 1):
        return trial("crashes", cause(ended.status))
    result = json.loads(results[-1][len(MARK) :])
    return trial("fails" if "detail" in result else WORKS, **result)


def _python(code: str) -> list[str]:
    """A command that runs code, without the folder in which the user happens to be."""
    return [sys.executable, "-W", "ignore", "-c", f"import sys; sys.path.remove('')\n{code}"]


def _paths() -> dict[str, str]:
    """What lets a process import what this one can, from a checkout as well."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONSAFEPATH": ""}


def runnable(interpreters: Sequence[Interpreter], trials: Sequence[Trial] | None) -> bool:
    """Whether anything here runs the model, or, without one, whether any could run."""
    if trials is not None:
        return any(trial.state == WORKS for trial in trials)
    return any(each.state == WORKS for each in interpreters)
