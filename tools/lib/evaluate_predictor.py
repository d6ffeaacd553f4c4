"""The predictors of `tfl-depth evaluate`: a runner, a Keras model, or a runner on a board."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.errors import CameraError, ModelFileError
from tfl_depth.format.contract import read_contract
from tfl_depth.quiet import quiet
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.fit import DEFAULT_FIT
from tfl_depth.tools.lib import camera_options, model_options, runner_options
from tfl_depth.tools.lib.board_options import board_settings, say_what_was_said

if TYPE_CHECKING:
    from tfl_depth.boards import RemoteBoard
    from tfl_depth.evaluation.evaluate import Predictor


@contextlib.contextmanager
def open_board(options: argparse.Namespace) -> Iterator[RemoteBoard | None]:
    """The board that --board names, or None."""
    if options.board is None:
        yield None
        return
    from tfl_depth.boards import RemoteBoard

    with RemoteBoard(options.board) as board:
        yield board


@contextlib.contextmanager
def open_predictor(
    options: argparse.Namespace,
    model: Path,
    board: RemoteBoard | None,
    there: dict[str, Any],
    num_threads: int | None = None,
) -> Iterator[Predictor]:
    """Predicts here, or a .tflite on a board.

    Args:
        options: of the command.
        model: MODEL or OTHER.
        board: what runs it; None: this machine.
        there: is filled with what the board measured.
        num_threads: for a .tflite on this machine; None: all cores.

    Raises:
        ModelFileError, CameraError: the model's kind does not fit the options.
    """
    from tfl_depth.evaluation.evaluate import (
        frames_predictor,
        keras_predictor,
        runner_predictor,
    )

    settings = runner_options.runner_settings(options)
    if model.suffix == ".keras":
        _expect_options_for_keras(options, model, board)
        yield keras_predictor(
            _keras_model(model, model.stat().st_mtime_ns), options.fit or DEFAULT_FIT
        )
        return
    seen = camera_options.camera_settings(options)
    if board is not None:
        with board.frames(model, {**board_settings(settings), **seen}) as stream:
            camera_options.tell_correction(stream)
            yield frames_predictor(stream, read_contract(model.read_bytes()))
            there |= stream.finish()
            say_what_was_said(board.entry.name, stream.errors)
        return
    with DepthRunner(model, num_threads=num_threads, **settings, **seen) as runner:
        camera_options.tell_correction(runner)
        yield runner_predictor(runner)


def _expect_options_for_keras(
    options: argparse.Namespace, model: Path, board: RemoteBoard | None
) -> None:
    model_options.expect_no_key(model, options.public_key)
    if options.camera is not None or options.fov is not None or options.correct_focal:
        raise CameraError(
            f"Expected a .tflite file for --camera, --fov and --correct-focal, got {model}: "
            "its contract knows the camera of training. Convert it with --float32."
        )
    if model == options.model and (board is not None or options.delegate is not None):
        raise ModelFileError(f"A board and a delegate run a .tflite file, got {model}.")


@lru_cache(maxsize=1)
def _keras_model(path: Path, _changed_ns: int) -> Any:
    """A Keras model, which a worker opens once for all its blocks."""
    with quiet():  # Keras' backend prints messages
        from tfl_depth.models import load_model
    return load_model(path)
