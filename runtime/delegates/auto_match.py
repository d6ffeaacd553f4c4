"""The choice of `auto`: a delegate that fits both the board and the model file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates.board import Board
from tfl_depth.runtime.delegates.model_traits import ModelTraits
from tfl_depth.runtime.delegates.spec import DelegateSpec


class AutoMatch(NamedTuple):
    """The choice of `auto`: a name of the table, or None for the CPU; and the reason."""

    name: str | None
    reason: str


def match_automatically(
    rows: Mapping[str, DelegateSpec], model: ModelTraits, board: Board
) -> AutoMatch:
    """Choose the first row of the table that fits the board and the model.

    Raises:
        DelegateError: the model is compiled for an NPU whose delegate is not on the board.
    """
    wanted = compiled_for(rows, model)
    if wanted:
        return _compiled(wanted, board)
    looked: list[str] = []
    for name, row in rows.items():
        if not (row.portable and row.devices):
            continue
        devices, library = board.devices(row.devices), board.library(row.libraries, row.folders)
        if devices and library is not None:
            reason = f"{devices[0]} and {library} exist ({board.description}), for {row.title}"
            return AutoMatch(name, f"Chosen by auto: {reason}.{_passed_over(looked)}")
        missing = [*row.devices] * (not devices) + [*row.libraries] * (library is None)
        looked.append(f"{name} (no {' or '.join(missing)})")
    reason = f"This board ({board.description}) has no NPU for this model: the CPU runs it."
    return AutoMatch(None, f"{reason}{_passed_over(looked)}")


def compiled_for(
    rows: Mapping[str, DelegateSpec], model: ModelTraits
) -> Mapping[str, DelegateSpec]:
    """Return the rows whose compiler compiled the model; none for a portable model."""
    found = {name: row for name, row in rows.items() if row.compiled in model.custom_operators}
    of_maker = {name: row for name, row in found.items() if row.maker == model.maker}
    return of_maker or {name: row for name, row in found.items() if row.maker is None}


def _compiled(wanted: Mapping[str, DelegateSpec], board: Board) -> AutoMatch:
    for name, row in wanted.items():
        library = board.library(row.libraries, row.folders)
        if library is not None:
            reason = (
                f"the model is compiled for it (operator '{row.compiled}'), and {library} exists"
            )
            return AutoMatch(name, f"Chosen by auto: {reason}.")
    name, row = next(iter(wanted.items()))
    raise DelegateError(
        f"The model is compiled for the delegate {name} (operator '{row.compiled}'), and its "
        f"library ({' or '.join(row.libraries)}) is not on this board, {board.description}: "
        f"{row.install}, or use the portable model."
    )


def _passed_over(looked: list[str]) -> str:
    return f" Not found: {', '.join(looked)}." if looked else ""
