"""The results of a study: frozen dataclasses that are written as JSON and read again."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from tfl_depth.errors import DatasetError
from tfl_depth.evaluation.bootstrap import Change
from tfl_depth.format.contract_parts import HeadKind
from tfl_depth.strategy.banding import Banding
from tfl_depth.strategy.deviation import DepthDeviation
from tfl_depth.strategy.experiments import Experiment

# Version of the result file. It changes when old files can no longer be read.
FORMAT = 2
RESULTS = "results.json"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Effort:
    """The amount of work of a study.

    Attributes:
        images: the largest number of images to measure on, spread over the split.
        calibration: the largest number of calibration images.
        sensitivity: number of images for the sensitivity of operators.
        updates: training steps of each network that is trained further.
        quick: only the experiments that are part of a quick run.
    """

    images: int = 200
    calibration: int = 300
    sensitivity: int = 12
    updates: int = 240
    quick: bool = False


FULL = Effort()
QUICK = Effort(images=16, calibration=16, sensitivity=2, updates=8, quick=True)


@dataclass(frozen=True)
class NpuEstimate:
    """Vela's estimate for a file on an NPU.

    Attributes:
        cpu_operators: number of operators on the CPU.
        milliseconds: of an inference; None if there are operators on the CPU.
    """

    cpu_operators: int
    milliseconds: float | None


@dataclass(frozen=True)
class ExperimentResult:
    """The result of one experiment.

    Attributes:
        experiment: what was tried.
        metrics: mean of each metric over the images, by its name.
        change: of each metric from the float network that was trained as long.
        deviation: from the same network in float.
        banding: on what the float network sees as planes.
        flicker_mm: median temporal deviation of depth in still videos with sensor noise; None in
            results that were measured before it was.
        bytes: of the file; None where the experiment is simulated.
        time_of_float32: time of an inference as a ratio to that of the float32 file; None likewise.
        npu: by target.
        note: what else is to be said; empty where there is nothing.
    """

    experiment: Experiment
    metrics: dict[str, float]
    change: dict[str, Change]
    deviation: DepthDeviation
    banding: Banding
    bytes: int | None
    time_of_float32: float | None
    npu: dict[str, NpuEstimate]
    flicker_mm: float | None = None
    note: str = ""


@dataclass(frozen=True)
class KernelSensitivity:
    """The effect of rounding the kernels to the nearest int8 code on the depth.

    Attributes:
        all_mm: median deviation with all kernels rounded.
        alone_mm: with one kernel rounded, by the operator's output.
        all_but_mm: with all kernels but one rounded, for the worst of `alone_mm`.
        to_mend: the fewest of the worst operators without which a quarter of `all_mm` is left.
        noise_db: signal-to-noise ratio at each operator's output, the whole network in int8.
    """

    all_mm: float
    alone_mm: dict[str, float]
    all_but_mm: dict[str, float]
    to_mend: tuple[str, ...]
    noise_db: dict[str, float]


@dataclass(frozen=True)
class MapSensitivity:
    """The effect of int8 feature maps on the depth.

    Attributes:
        all_mm: median deviation with all feature maps in int8.
        alone_mm: with one of them in int8, by its name.
    """

    all_mm: float
    alone_mm: dict[str, float]


@dataclass(frozen=True)
class LayerSensitivity:
    """The operators that cause the error.

    Attributes:
        kinds: kind of each operator with a kernel or a feature map, by its output.
        kernels: by granularity of the weights.
        maps: the feature maps.
    """

    kinds: dict[str, str]
    kernels: dict[str, KernelSensitivity]
    maps: MapSensitivity


@dataclass(frozen=True)
class SourceFigures:
    """The effect of one source of error.

    Attributes:
        deviation: from the float network.
        abs_rel: change from the float network.
    """

    deviation: DepthDeviation
    abs_rel: Change


@dataclass(frozen=True)
class RangeFigures:
    """The median deviation of one head over one range of depth, in mm.

    Attributes:
        output_step: with an int8 output alone.
        together: with everything in int8, by granularity of the weights.
    """

    output_step: float
    together: dict[str, float]


@dataclass(frozen=True)
class ErrorBudget:
    """Each source of error alone, with weights rounded to the nearest code and minmax ranges.

    Attributes:
        weights: int8 weights alone, by granularity.
        feature_maps: int8 feature maps alone.
        both: weights and feature maps, by granularity.
        output_step: by head ("single", "split"), the int8 output alone.
        ranges_mm: by range in meters ("10"), then by head.
    """

    weights: dict[str, SourceFigures]
    feature_maps: SourceFigures
    both: dict[str, SourceFigures]
    output_step: dict[str, SourceFigures]
    ranges_mm: dict[str, dict[str, RangeFigures]]


@dataclass(frozen=True)
class StudyResults:
    """All results of a study of one network.

    Attributes:
        tool: the version that measured.
        network: its name.
        source: its format and framework.
        import_difference_mm: largest change of depth by the import.
        dataset, split: of the images.
        images: how many were measured on.
        max_depth_m: end of the range.
        head: that the experiments on weights have: "split", or "single" where no split is possible.
        effort: how much work it was.
        source_sha256: of the network's file or folder.
        experiments: by id, in the order of the report.
        left_out: why an experiment was not made, by its id.
        sensitivity: which operators the error comes from.
        budget: which sources the error comes from.
    """

    tool: str
    network: str
    source: str
    import_difference_mm: float
    dataset: str
    split: str
    images: int
    max_depth_m: float
    head: HeadKind
    effort: Effort
    source_sha256: str
    experiments: dict[str, ExperimentResult]
    left_out: dict[str, str]
    sensitivity: LayerSensitivity
    budget: ErrorBudget

    def to_json(self) -> str:
        """The content of a result file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> StudyResults:
        """Read a result file's content.

        Raises:
            DatasetError: it is of another format.
        """
        return from_json(cls, text, FORMAT)


def read_results(path: Path) -> StudyResults:
    """Read a result file.

    Raises:
        DatasetError: it is of another format.
    """
    try:
        return StudyResults.from_json(path.read_text(encoding="utf-8"))
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error


def from_json(kind: type[_T], text: str, version: int | None = None) -> _T:
    """Make a dataclass of JSON that `asdict` wrote.

    Args:
        kind: the dataclass.
        text: JSON.
        version: that its entry `format` must have; None: there is no such entry.

    Raises:
        DatasetError: the JSON does not fit; measuring again writes one that does.
    """
    try:
        plain = json.loads(text)
        if version is not None and plain.pop("format", None) != version:
            raise ValueError(f"the format is not {version}")
        return _made(kind, plain)  # type: ignore[no-any-return]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"Expected results of a study as this version writes them ({error}): measure again "
            "with tfl-depth strategy."
        ) from error


def _made(kind: Any, value: Any) -> Any:
    """A value of JSON as the type that a field has."""
    arguments = get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints: dict[str, Any] = get_type_hints(kind)
        made: Callable[..., Any] = kind  # type: ignore[assignment]
        return made(**{name: _made(hints[name], each) for name, each in value.items()})
    if get_origin(kind) is dict:
        return {key: _made(arguments[1], each) for key, each in value.items()}
    if get_origin(kind) is tuple:
        return tuple(_made(arguments[0], each) for each in value)
    if get_origin(kind) is types.UnionType and value is not None:
        return _made(arguments[0], value)
    if get_origin(kind) is Literal and value not in arguments:
        raise ValueError(f"{value!r} is none of {arguments}")
    return value
