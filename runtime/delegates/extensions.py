"""Delegates of other packages: entry points of the group `tfl_depth.delegates`.

A package registers a delegate in its metadata, for example in setup.cfg:

    [options.entry_points]
    tfl_depth.delegates =
        acme = acme_npu.tfl_depth:ROW

`ROW` is a `DelegateSpec`. `DepthRunner(path, delegate="acme")` then opens the delegate's library.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates.spec import DelegateSpec
from tfl_depth.runtime.delegates.table import TABLE

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "tfl_depth.delegates"


def known_names() -> tuple[str, ...]:
    """Return all names, those of the table first, without importing other packages."""
    return tuple(dict.fromkeys([*TABLE, *(point.name for point in _points())]))


def find_row(name: str) -> DelegateSpec:
    """Return the row of a delegate's name.

    Raises:
        DelegateError: the name is unknown, two packages have it, or its package is broken.
    """
    points = [point for point in _points() if point.name == name]
    if len(points) + (name in TABLE) > 1:
        others = ", ".join(_origin(point) for point in points)
        raise DelegateError(f"More than one package has the delegate {name!r}. Remove {others}.")
    if name in TABLE:
        return TABLE[name]
    if not points:
        raise DelegateError(
            f"Expected `delegate` to be None, 'auto', a library's path or one of "
            f"{', '.join(known_names())}, got {name!r}."
        )
    return _load(points[0])


def all_rows() -> Mapping[str, DelegateSpec]:
    """Return all rows. A broken package is skipped with a warning."""
    rows = {}
    for name in known_names():
        try:
            rows[name] = find_row(name)
        except DelegateError as error:
            warnings.warn(str(error), stacklevel=2)
    return rows


def _points() -> list[EntryPoint]:
    # Imported here, since it takes a tenth of the runtime's import time.
    from importlib.metadata import entry_points

    return list(entry_points(group=GROUP))


def _load(point: EntryPoint) -> DelegateSpec:
    try:
        row = point.load()
    except Exception as error:  # an import can raise anything
        raise DelegateError(
            f"The delegate {point.name!r} of {_origin(point)} cannot be loaded ({error}): repair "
            "or remove that package."
        ) from error
    if not isinstance(row, DelegateSpec):
        raise DelegateError(
            f"Expected the delegate {point.name!r} of {_origin(point)} to be a DelegateSpec, got "
            f"{type(row).__name__}: repair or remove that package."
        )
    return row


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
