"""What `tfl-depth doctor` finds on a board, ready for JSON."""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tfl_depth.diagnostics.doctor_checks import find_delegates, find_interpreters, runnable
from tfl_depth.diagnostics.doctor_hints import hints
from tfl_depth.diagnostics.doctor_run import try_model
from tfl_depth.diagnostics.vela_versions import fitting_vela
from tfl_depth.runtime.delegates import Board

__all__ = ["examine_board"]


def examine_board(board: Board, model: Path | None, timeout_s: float) -> dict[str, Any]:
    """The whole report on a board, ready for JSON.

    Args:
        board: the board. Its libraries are probed.
        model: a .tflite to run, or None.
        timeout_s: for each library and for the model.
    """
    interpreters = [*find_interpreters(timeout_s)]
    delegates = [*find_delegates(board, timeout_s)]
    runs = None if model is None else [*try_model(model, board, timeout_s)]
    names = ("model", "compatible", "target", "kernel", "system", "description")
    return {
        "board": {name: getattr(board, name) for name in names},
        "python": {"version": platform.python_version(), "numpy": np.__version__},
        "interpreters": [asdict(each) for each in interpreters],
        "delegates": [asdict(each) for each in delegates],
        "vela": fitting_vela(board.target, board.kernel),
        "runs": None if runs is None else [asdict(each) for each in runs],
        "hints": [*hints(board, interpreters, delegates, runs)],
        "runnable": runnable(interpreters, runs),
    }
