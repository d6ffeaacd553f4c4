"""The rows of a study that can be measured apart, as units for other processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.converters.ptq.progress import silent
from tfl_depth.errors import DatasetError
from tfl_depth.strategy.experiments import Experiment
from tfl_depth.strategy.study_input import StudyInput

if TYPE_CHECKING:
    from tfl_depth.strategy.quant_study import QuantStudy


@dataclass(frozen=True)
class RowUnit:
    """Rows that share work, with all that a process needs to measure them.

    Attributes:
        study_input: the network and the images.
        work: folder of the results, with those of the first row and of the operators.
        sha256: of the study's input where it was started.
        experiments: the ids of the rows.
    """

    study_input: StudyInput
    work: Path
    sha256: str
    experiments: tuple[str, ...]


# Calls a function for each unit in any process, and yields what it returns, in order.
Compute = Callable[[Callable[[RowUnit], int], Sequence[RowUnit]], Iterator[int]]


def row_units(
    study_input: StudyInput, work: Path, experiments: Sequence[Experiment]
) -> list[RowUnit]:
    """Units of rows, the largest first; simulated rows with the same weights are one.

    Args:
        study_input: the network and the images.
        work: as for `QuantStudy`.
        experiments: of the rows, none of them trained.
    """
    # A new instance is without the images that this process has read. Its paths are absolute, since
    # another machine has another working folder.
    sent = replace(
        study_input,
        source=study_input.source.absolute(),
        data=study_input.data.absolute(),
        progress=silent,
    )
    together: dict[Any, list[str]] = {}
    for each in experiments:
        shared = (each.recipe, each.granularity, each.images)
        key = shared if each.precision in ("mixed", "wide") else each.id
        together.setdefault(key, []).append(each.id)
    largest_first = sorted(together.values(), key=len, reverse=True)
    return [RowUnit(sent, work.absolute(), study_input.sha256, tuple(ids)) for ids in largest_first]


def measure_unit(unit: RowUnit) -> int:
    """Measure the rows of a unit into the study's folder; returns how many they are.

    Raises:
        DatasetError: the network or the images differ from those where the study was started.
    """
    _study(unit).measure(unit.experiments)
    return len(unit.experiments)


class _Opened(threading.local):
    """The study of a worker, a process or a thread: it reads network and images once."""

    key = ""
    study: QuantStudy | None = None


_opened = _Opened()


def _study(unit: RowUnit) -> QuantStudy:
    from tfl_depth.strategy.quant_study import QuantStudy

    key = f"{unit.work} {unit.sha256}"
    if _opened.study is None or _opened.key != key:
        if unit.study_input.sha256 != unit.sha256:
            raise DatasetError(
                f"Expected the same network {unit.study_input.source} and the same images in "
                f"{unit.study_input.data} on all machines, got others: share these folders."
            )
        _opened.key, _opened.study = key, QuantStudy(unit.study_input, unit.work)
    return _opened.study
