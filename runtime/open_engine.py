"""Which engine of this process runs a model."""

from __future__ import annotations

from tfl_depth.runtime import dispatch
from tfl_depth.runtime.engine import Engine, InterpreterEngine, Opening


def open_engine(opening: Opening) -> Engine:
    """Open a model in this process.

    Raises:
        InterpreterError, ContractError: as the engines.
    """
    if opening.delegate is not None and opening.delegate.name == dispatch.NAME:
        return dispatch.DispatchEngine(opening, opening.delegate)
    return InterpreterEngine(opening)
