"""Whether a model runs on a board: opened and run by `doctor_run_child` in a process of its own."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from tfl_depth.child import environment, run_code
from tfl_depth.diagnostics.doctor_run_child import MARK
from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates import Board, SelectedDelegate, select_delegate
from tfl_depth.runtime.delegates.auto_match import compiled_for
from tfl_depth.runtime.delegates.extensions import all_rows
from tfl_depth.runtime.delegates.model_traits import read_model_traits
from tfl_depth.runtime.delegates.sandbox import cause, run_sandboxed
from tfl_depth.runtime.delegates.select import AUTO, CPU

RunState = Literal["works", "fails", "crashes", "hangs"]
WORKS: RunState = "works"
# Of Python: what others warn of is no news of the model.
QUIETLY = ("-W", "ignore")
_CHILD = "from tfl_depth.diagnostics.doctor_run_child import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class ModelRun:
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
    state: RunState
    detail: str = ""
    reason: str = ""
    first_s: float | None = None
    steady_s: float | None = None
    taken: int | None = None
    operators: int | None = None
    proof: str | None = None


def try_model(model: Path, board: Board, timeout_s: float) -> Iterator[ModelRun]:
    """Run a model as `auto` would, and a portable one on the CPU where that does not work."""
    content = model.read_bytes()
    with warnings.catch_warnings():
        # They stand in the reason, or in the run.
        warnings.simplefilter("ignore")
        try:
            selected = select_delegate(AUTO, {}, content, board=board)
        except DelegateError as error:
            yield ModelRun(AUTO, "fails", str(error))
            return
    run = _try(model, selected, timeout_s)
    yield run
    portable = not compiled_for(all_rows(), read_model_traits(content))
    if portable and selected.name != CPU and run.state != WORKS:
        yield _try(model, SelectedDelegate(CPU, None, {}, {}, "In its place."), timeout_s)


def _try(model: Path, selected: SelectedDelegate, timeout_s: float) -> ModelRun:
    command = run_code(_CHILD, model, *_delegate(selected), flags=QUIETLY)
    ended = run_sandboxed(command, environment(**selected.environment), timeout_s=timeout_s)
    run = partial(ModelRun, selected.name, reason=selected.reason)
    if ended.status is None:
        return run("hangs", f"it was stopped after {timeout_s:g} s")
    results = [line for line in ended.output.splitlines() if line.startswith(MARK)]
    if not results or ended.status not in (0, 1):
        said = f", after {ended.last_words!r}" if ended.last_words else ""
        return run("crashes", f"{cause(ended.status)}{said}")
    result = json.loads(results[-1][len(MARK) :])
    return run("fails" if "detail" in result else WORKS, **result)


def _delegate(selected: SelectedDelegate) -> list[str]:
    """What the child opens: a library, or what is none by its name."""
    if selected.library is None:
        return []
    external = all_rows()[selected.name].external
    return [selected.library if external else selected.name, json.dumps(selected.options)]
