"""The choice of the library to open, by the user's option, the model and the board."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfl_depth.errors import DelegateError, FallbackWarning
from tfl_depth.runtime.delegates.auto_match import AutoMatch, compiled_for, match_automatically
from tfl_depth.runtime.delegates.board import Board
from tfl_depth.runtime.delegates.cache import cache_options
from tfl_depth.runtime.delegates.extensions import all_rows, find_row
from tfl_depth.runtime.delegates.model_traits import ModelTraits, read_model_traits
from tfl_depth.runtime.delegates.selected import SelectedDelegate
from tfl_depth.runtime.delegates.spec import DelegateSpec
from tfl_depth.runtime.delegates.table import TABLE
from tfl_depth.targets import PER_TENSOR, TARGETS

_LOG = logging.getLogger(__name__)
CPU = "cpu"
AUTO = "auto"


def select_delegate(
    delegate: str | None,
    options: Mapping[str, Any],
    model: bytes,
    *,
    board: Board | None = None,
) -> SelectedDelegate:
    """Choose what runs a model. Nothing is loaded.

    Important facts, such as weights that the NPU does not support, are warnings and part of
    `SelectedDelegate.reason`. The choice of "auto" and its reason are logged.

    Args:
        delegate: a name of the table or of a vendor's package; "auto"; the path of a library, which
            contains a slash or ends in .so; or None for the CPU.
        options: keys and values for the delegate. Bool and numbers are converted to text.
        model: the .tflite file's bytes.
        board: None: the board that runs this program.

    Raises:
        DelegateError: there is no such delegate, its library is not on the board, it does not know
            an option, or the model is compiled for an NPU that the board does not have.
        ModelFileError: the file is damaged.
    """
    texts = {key: _text(value) for key, value in options.items()}
    if delegate is None:
        return _cpu(texts, "No delegate was requested.")
    if "/" in delegate or delegate.endswith(".so"):
        return _by_path(Path(delegate), texts)
    return _by_name(delegate, texts, model, board or Board())


def _by_name(name: str, options: dict[str, str], model: bytes, board: Board) -> SelectedDelegate:
    file = read_model_traits(model)
    found = AutoMatch(name, f"Requested by name: {name}.")
    if name == AUTO:
        found = match_automatically(all_rows(), file, board)
        _LOG.info(found.reason)
    if found.name is None:
        warnings.warn(found.reason, FallbackWarning, stacklevel=3)
        return _cpu(options, found.reason)
    row = find_row(found.name)
    _expect_options(found.name, row, options)
    library = _library(found.name, row, board)
    notes = [*_notes(found.name, row, file, board)]
    for note in notes:
        warnings.warn(note, stacklevel=3)
    given = {**row.defaults, **options}
    if row.cache is not None and row.cache.option not in given:
        given = {**cache_options(row.cache, found.name, library, model, board), **given}
    reason = " ".join([found.reason, *notes])
    return SelectedDelegate(found.name, str(library), given, dict(row.environment), reason)


def _text(value: Any) -> str:
    """Convert an option's value to text. Delegates accept "true" and not Python's "True"."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cpu(options: Mapping[str, str], reason: str) -> SelectedDelegate:
    if options:
        raise DelegateError(
            f"Expected no `delegate_options` without a delegate, got {sorted(options)}. {reason}"
        )
    return SelectedDelegate(CPU, None, {}, {}, reason)


def _by_path(library: Path, options: dict[str, str]) -> SelectedDelegate:
    """Select a library by its path, with exactly the user's options."""
    if not library.is_file():
        raise DelegateError(
            f"There is no library {library}. Pass the path of a delegate's .so file."
        )
    return SelectedDelegate(
        library.name, str(library), options, {}, "Requested by the library's path."
    )


def _expect_options(name: str, row: DelegateSpec, options: Mapping[str, str]) -> None:
    unknown = sorted(set(options) - set(row.options))
    if unknown:
        known = ", ".join(row.options) or "none"
        raise DelegateError(
            f"Expected options of the delegate {name} ({known}), got {', '.join(unknown)}. For an "
            "option of a newer library, pass the library's path as `delegate`."
        )


def _library(name: str, row: DelegateSpec, board: Board) -> Path:
    library = board.library(row.libraries, row.folders)
    if library is None:
        folders = ", ".join([*row.folders, *board.library_folders()])
        raise DelegateError(
            f"The library of the delegate {name} is not on this board ({board.description}): there "
            f"is no {' or '.join(row.libraries)} in {folders}. You can {row.install}, or pass its "
            "path as `delegate`."
        )
    return library


def _notes(name: str, row: DelegateSpec, file: ModelTraits, board: Board) -> Iterator[str]:
    """Yield warnings about a delegate, a model and a board.

    Raises:
        DelegateError: the model is compiled for another delegate.
    """
    others = compiled_for({**TABLE, name: row}, file)
    compiled = name in others
    if others and not compiled:
        other, of = next(iter(others.items()))
        raise DelegateError(
            f"The model is compiled for the delegate {other} (operator '{of.compiled}'), and "
            f"{name} cannot run it. Use {other}, or the portable model."
        )
    target = board.target if board.target in row.targets else next(iter(row.targets), None)
    if not row.portable and not compiled:
        yield (
            f"The model is not compiled for {name}, so {name} takes none of its operators. Compile "
            f"it as tfl-depth convert --target {target} explains."
        )
    if target is not None and file.per_channel and TARGETS[target].weights == PER_TENSOR:
        yield (
            f"The model has a weight scale for each channel. The NPU may not support it, or run it "
            f"slowly ({row.title}). Convert it with --target {target}."
        )
