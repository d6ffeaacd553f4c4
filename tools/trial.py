"""Whether a model runs on a board: opened and run by `trial_child` in a process of its own."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tfl_depth.child import environment, run_code
from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates import Board, Chosen, choose
from tfl_depth.runtime.delegates.automatic import compiled_for
from tfl_depth.runtime.delegates.choose import AUTO, CPU
from tfl_depth.runtime.delegates.confined import cause, run_confined
from tfl_depth.runtime.delegates.extensions import all_rows
from tfl_depth.runtime.delegates.model_file import read_model_file
from tfl_depth.tools.trial_child import MARK

WORKS = "works"
# Of Python: what others warn of is no news of the model.
QUIETLY = ("-W", "ignore")
_CHILD = "from tfl_depth.tools.trial_child import main; sys.exit(main(sys.argv[1:]))"


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
    command = run_code(_CHILD, model, *_delegate(chosen), flags=QUIETLY)
    ended = run_confined(command, environment(**chosen.environment), timeout_s=timeout_s)
    trial = partial(Trial, chosen.name, reason=chosen.reason)
    if ended.status is None:
        return trial("hangs", f"it was stopped after {timeout_s:g} s")
    results = [line for line in ended.output.splitlines() if line.startswith(MARK)]
    if not results or ended.status not in (0, 1):
        said = f", after {ended.last_words!r}" if ended.last_words else ""
        return trial("crashes", f"{cause(ended.status)}{said}")
    result = json.loads(results[-1][len(MARK) :])
    return trial("fails" if "detail" in result else WORKS, **result)


def _delegate(chosen: Chosen) -> list[str]:
    """What the child opens: a library, or what is none by its name."""
    if chosen.library is None:
        return []
    external = all_rows()[chosen.name].external
    return [chosen.library if external else chosen.name, json.dumps(chosen.options)]
