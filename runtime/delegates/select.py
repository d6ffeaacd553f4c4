"""From what the user asked for, the model and the board to the library that is opened."""

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
    """Decide what runs a model; nothing is loaded yet.

    What the user should know beside the choice, such as "auto" taking the CPU or weights that the
    NPU does not take, is a warning and stands in `SelectedDelegate.reason`. What "auto" has
    chosen, and why, is logged.

    Args:
        delegate: a name of the table or of a vendor's package, "auto", the path of a library (it
            holds a slash or ends in .so), or None for the CPU.
        options: keys and values for the delegate; bool and numbers are written as text.
        model: the .tflite file's bytes.
        board: another than the one under this program.

    Raises:
        DelegateError: there is no such delegate, its library is not on the board, it does not know
            an option, or the model is compiled for an NPU that is not here.
        ModelFileError: the file is damaged.
    """
    texts = {key: _text(value) for key, value in options.items()}
    if delegate is None:
        return _cpu(texts, "No delegate was asked for.")
    if "/" in delegate or delegate.endswith(".so"):
        return _by_path(Path(delegate), texts)
    return _by_name(delegate, texts, model, board or Board())


def _by_name(name: str, options: dict[str, str], model: bytes, board: Board) -> SelectedDelegate:
    file = read_model_traits(model)
    found = AutoMatch(name, f"Asked for by name: {name}.")
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
    """As delegates read it: they know "true", and take Python's "True" for an error."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cpu(options: Mapping[str, str], reason: str) -> SelectedDelegate:
    if options:
        raise DelegateError(
            f"Expected no `delegate_options` where no delegate runs, got {sorted(options)}. "
            f"{reason}"
        )
    return SelectedDelegate(CPU, None, {}, {}, reason)


def _by_path(library: Path, options: dict[str, str]) -> SelectedDelegate:
    """A library as the user gives it: with the user's options, whatever they are, and no others."""
    if not library.is_file():
        raise DelegateError(f"There is no library {library}: give the path of a delegate's .so.")
    return SelectedDelegate(
        library.name, str(library), options, {}, "Asked for by the library's path."
    )


def _expect_options(name: str, row: DelegateSpec, options: Mapping[str, str]) -> None:
    unknown = sorted(set(options) - set(row.options))
    if unknown:
        known = ", ".join(row.options) or "none"
        raise DelegateError(
            f"Expected options of the delegate {name} ({known}), got {', '.join(unknown)}. A newer "
            "library may know more: give it by its path, as `delegate`, which takes any option."
        )


def _library(name: str, row: DelegateSpec, board: Board) -> Path:
    library = board.library(row.libraries, row.folders)
    if library is None:
        folders = ", ".join([*row.folders, *board.library_folders()])
        raise DelegateError(
            f"The library of the delegate {name} is not on this board ({board.description}): there "
            f"is no {' or '.join(row.libraries)} in {folders}. You can {row.install}, or give its "
            "path as `delegate`."
        )
    return library


def _notes(name: str, row: DelegateSpec, file: ModelTraits, board: Board) -> Iterator[str]:
    """What is wrong between a delegate, a model and a board; a model for another is an error."""
    compiled = row.compiled in file.custom_operators
    others = compiled_for(TABLE, file)
    if others and not compiled:
        other, of = next(iter(others.items()))
        raise DelegateError(
            f"The model is compiled for the delegate {other} (operator '{of.compiled}'), which "
            f"{name} does not know: take {other}, or the portable model."
        )
    target = board.target if board.target in row.targets else next(iter(row.targets), None)
    if not row.portable and not compiled:
        yield (
            f"The model is not compiled for {name}, which will take nothing of it: compile it as "
            f"tfl-depth convert --target {target} says."
        )
    if target is not None and file.per_channel and TARGETS[target].weights == PER_TENSOR:
        yield (
            f"The model has a weight scale for each channel, which may not run on its NPU, "
            f"or slowly ({row.title}): convert it with --target {target}."
        )
