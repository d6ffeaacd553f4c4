"""Hints: how to solve the problems that `doctor` finds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from tfl_depth.diagnostics.doctor_checks import UNPROBED, DelegateStatus, InterpreterStatus
from tfl_depth.diagnostics.doctor_run import WORKS, ModelRun
from tfl_depth.runtime.delegates import Board
from tfl_depth.runtime.delegates.extensions import all_rows
from tfl_depth.runtime.delegates.select import AUTO, CPU
from tfl_depth.targets import TARGETS

_RELEASE = "install the vendor's release that contains both the library and its driver"
# The hint for each state of a library; {library} {title} {detail} {drivers} are filled in.
_STATES = {
    "unloadable": "{library} cannot be loaded ({detail}): install its dependencies for this "
    "processor.",
    "no-delegate": "{library} is not a TensorFlow Lite delegate ({detail}): " + _RELEASE + ".",
    "refuses": "{library} does not start ({detail}): {drivers}.",
    "crashes": "{library} crashes ({detail}): do not use the delegate, and " + _RELEASE + ".",
    "hangs": "{library} hangs ({detail}): reload the driver, or restart the board; if it hangs "
    "again, " + _RELEASE + ".",
}


def hints(
    board: Board,
    interpreters: Sequence[InterpreterStatus],
    delegates: Sequence[DelegateStatus],
    runs: Sequence[ModelRun] | None,
) -> Iterator[str]:
    """Yield what to install and to repair, the most important first; nothing if all is well."""
    yield from _about_interpreters(interpreters)
    for delegate in delegates:
        yield from _about_delegate(board, delegate)
    # Problems of a delegate itself are listed above.
    whole = {each.name for each in delegates if each.state in (WORKS, UNPROBED)} | {CPU, AUTO}
    for run in runs or ():
        if run.state != WORKS and run.delegate in whole:
            yield f"The model does not run on {run.delegate}: {run.detail}"


def _about_interpreters(interpreters: Sequence[InterpreterStatus]) -> Iterator[str]:
    if not interpreters:
        yield (
            "Install an interpreter: the board's own tflite_runtime, or pip install ai-edge-litert."
        )
    for each in interpreters:
        if each.state == "broken":
            yield (
                f"{each.name} cannot be imported ({each.detail}): repair or remove it. "
                "tflite_runtime 2.14 needs numpy < 2."
            )


def _about_delegate(board: Board, delegate: DelegateStatus) -> Iterator[str]:
    if delegate.state == "missing":
        if delegate.devices or delegate.name == _expected(board):
            yield f"For {delegate.title}, {delegate.install}."
    elif delegate.state in _STATES:
        yield _STATES[delegate.state].format(
            library=delegate.library,
            detail=delegate.detail or "it gives no reason",
            drivers=_about_drivers(board, delegate),
        )


def _expected(board: Board) -> str | None:
    """The delegate of the board's target."""
    target = TARGETS.get(board.target or "")
    return target.delegate.name if target is not None and target.delegate is not None else None


def _about_drivers(board: Board, delegate: DelegateStatus) -> str:
    closed = [path for path in delegate.devices if not _may_open(board, path)]
    if closed:
        return f"let this user read and write {closed[0]}"
    wanted = all_rows()[delegate.name].devices
    if wanted and not delegate.devices:
        return f"load the NPU's driver, which creates {' or '.join(wanted)}"
    return "check that no other program uses the NPU, and read dmesg"


def _may_open(board: Board, path: str) -> bool:
    return os.access(board.root / path.lstrip("/"), os.R_OK | os.W_OK)
