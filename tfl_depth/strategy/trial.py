"""Everything that is measured of one candidate."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

from tfl_depth.comparison import paired_change
from tfl_depth.converters.targets import place
from tfl_depth.converters.targets.placement import CPU
from tfl_depth.converters.tflite_graph import read_operators
from tfl_depth.evaluation import enlarged, evaluate
from tfl_depth.runtime.interpreter import open_interpreter
from tfl_depth.strategy.banding import banding
from tfl_depth.strategy.candidates import Candidate
from tfl_depth.strategy.subject import Grid, Subject
from tfl_depth.targets import PROFILES

# What the report shows of the field's metrics.
METRICS = ("abs_rel", "rmse", "delta1")
# Two NPUs that Vela estimates the time of, with their profiles' memories.
NPUS = ("ethos-u65-512", "ethos-u85-1024")
ROUNDS = 21

Scores = list[dict[str, float]]


def scores(subject: Subject, grids: Sequence[Grid]) -> Scores:
    """The field's metrics of each image, at its full size."""
    waiting = iter(grids)
    rows = evaluate(
        lambda rgb: enlarged(next(waiting), rgb.shape[:2]), subject.samples, subject.dataset
    )
    return [{name: row[name] for name in METRICS} for row in rows]


def accuracy(found: Scores, reference: Scores) -> dict[str, Any]:
    """Means over images, and the change of each from a float network, with its 95 % interval."""
    columns = {name: [row[name] for row in found] for name in METRICS}
    before = {name: [row[name] for row in reference] for name in METRICS}
    return {
        "metrics": {name: float(np.mean(columns[name])) for name in METRICS},
        "change": {name: asdict(paired_change(before[name], columns[name])) for name in METRICS},
    }


def fidelity(
    reference: Sequence[Grid], grids: Sequence[Grid], max_depth_m: float
) -> dict[str, float]:
    """Deviation from the same network in float, over all pixels of the grid.

    A wrap is a deviation of more than half a metre, which is half a span.
    """
    expected = np.clip(np.stack(list(reference)), 1e-3, max_depth_m)
    deviation = np.abs(np.stack(list(grids)) - expected)
    share = deviation / expected
    return {
        "median_mm": 1000 * float(np.median(deviation)),
        "mean_mm": 1000 * float(deviation.mean()),
        "p95_mm": 1000 * float(np.percentile(deviation, 95)),
        "max_mm": 1000 * float(deviation.max()),
        "median_share": float(np.median(share)),
        "p95_share": float(np.percentile(share, 95)),
        "wrap_share": float((deviation > 0.5).mean()),
    }


@dataclass(frozen=True)
class Trial:
    """A candidate's measures.

    Attributes:
        grids: its depth of each image.
        scores: of each image.
        figures: for the result file.
    """

    grids: list[Grid]
    scores: Scores
    figures: dict[str, Any]


def measure(
    candidate: Candidate, subject: Subject, reference: Scores | None, float_model: bytes | None
) -> Trial:
    """Measure a candidate.

    Args:
        candidate: what to measure.
        subject: what it is measured on.
        reference: scores of the float network that it is compared with; None for itself.
        float_model: the .tflite in float32 whose time is taken beside it; None for itself.
    """
    photos = list(subject.progress(subject.pixels, len(subject.pixels), "infer"))
    grids = list(candidate.say(photos))
    found = scores(subject, grids)
    figures = {
        **accuracy(found, reference or found),
        "fidelity": fidelity(candidate.reference, grids, subject.max_depth_m),
        "banding": asdict(banding(candidate.reference, grids)),
        "bytes": len(candidate.model),
        "time_of_float32": time_ratio(candidate.model, float_model or candidate.model),
        "npu": {name: on_npu(candidate.model, name) for name in NPUS},
    }
    return Trial(grids, found, figures)


def time_ratio(model: bytes, other: bytes) -> float:
    """Time of an inference on one core of this processor, as a ratio to another's, in turns."""
    ours, theirs = (open_interpreter(each, num_threads=1) for each in (model, other))
    pairs = [(_seconds(ours.invoke), _seconds(theirs.invoke)) for _ in range(ROUNDS)]
    return statistics.median(one / two for one, two in pairs)


def _seconds(call: Callable[[], Any]) -> float:
    begin = perf_counter()
    call()
    return perf_counter() - begin


def on_npu(model: bytes, name: str) -> dict[str, Any]:
    """What Vela says of a model on an NPU; no time while an operator is left to the CPU.

    Models of the same operators on the same tensors are compiled once: their weights decide a
    little over how well they pack, and next to nothing over the time.
    """
    operators = read_operators(model)
    if all("float" in operator.result for operator in operators):
        return {"cpu_operators": len(operators), "milliseconds": None}
    structure = tuple((each.kind, each.name, each.source, each.result) for each in operators)
    if (name, structure) not in _COMPILED:
        _COMPILED[name, structure] = _compiled(model, name)
    return _COMPILED[name, structure]


_COMPILED: dict[Any, dict[str, Any]] = {}


def _compiled(model: bytes, name: str) -> dict[str, Any]:
    placement = place(model, name, PROFILES[name]).placement
    return {
        "cpu_operators": len(placement.at(CPU)),
        "milliseconds": placement.milliseconds,
    }
