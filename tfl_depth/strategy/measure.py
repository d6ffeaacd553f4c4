"""The measurement of a candidate."""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from tfl_depth.converters.deployment import compile_for_target
from tfl_depth.converters.deployment.placement import CPU
from tfl_depth.converters.tflite_facts import read_operators
from tfl_depth.data import Dataset, Sample
from tfl_depth.encoding import Spans
from tfl_depth.evaluation.bootstrap import Change, paired_change
from tfl_depth.evaluation.evaluate import evaluate
from tfl_depth.evaluation.steadiness import steadiness, still_video
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.runtime.fit import (
    DEFAULT_FIT,
    FramePlace,
    depth_in_frame,
    fit_frame,
    fit_photo,
)
from tfl_depth.runtime.preprocess import write_input
from tfl_depth.strategy.banding import Banding, banding
from tfl_depth.strategy.candidates import Candidate
from tfl_depth.strategy.deviation import DepthDeviation
from tfl_depth.strategy.results import NpuEstimate
from tfl_depth.strategy.study_input import Grid, Pixels
from tfl_depth.targets import TARGETS

# The metrics in the report.
METRICS = ("abs_rel", "rmse", "delta1")
# Two NPUs whose time Vela estimates, with their targets' memories.
NPUS = ("ethos-u65-512", "ethos-u85-1024")
ROUNDS = 21
# Still videos for the flicker: photos, and frames of each.
FLICKER_PHOTOS, FLICKER_FRAMES = 4, 8

# The metrics of each image, by name.
Scores = list[dict[str, float]]


@dataclass(frozen=True)
class Measurements:
    """The measurements of a candidate.

    Attributes:
        grids: its depth of each image.
        scores: of each image.
        metrics, change: as in `ExperimentResult`.
        deviation, banding, flicker_mm: as in `ExperimentResult`.
        time_of_float32, npu: as in `ExperimentResult`; empty without a file.
    """

    grids: list[Grid]
    scores: Scores
    metrics: dict[str, float]
    change: dict[str, Change]
    deviation: DepthDeviation
    banding: Banding
    flicker_mm: float
    time_of_float32: float | None
    npu: dict[str, NpuEstimate]


@dataclass(frozen=True)
class Photos:
    """The images of the measurement.

    Attributes:
        dataset: has the range and the crop.
        samples: photos with their truth.
        pixels: the same photos in the network's size, (H, W, 3) RGB.
        spans: of the network's split.
    """

    dataset: Dataset
    samples: Sequence[Sample]
    pixels: Sequence[Pixels]
    spans: Spans

    def place(self, rgb: Pixels) -> FramePlace:
        """Of a photo (H, W, 3) in the network's input."""
        height, width = self.pixels[0].shape[:2]
        return fit_frame((rgb.shape[0], rgb.shape[1]), (height, width), DEFAULT_FIT)


def measure(
    candidate: Candidate, photos: Photos, reference: Scores | None, float_model: bytes | None
) -> Measurements:
    """Measure a candidate.

    Args:
        candidate: what to measure.
        photos: to measure it on.
        reference: scores of the float network to compare with; None: its own.
        float_model: the .tflite in float32 to compare its time with; None: itself.
    """
    expected = candidate.reference
    found = candidate.depth(photos.pixels)
    grids = [grid_at_size(grid, other) for grid, other in zip(found, expected, strict=True)]
    rows = scores(photos, grids)
    model = candidate.model
    return Measurements(
        grids=grids,
        scores=rows,
        metrics=means(rows),
        change=changes(reference or rows, rows),
        deviation=DepthDeviation.measured(expected, grids, photos.spans),
        banding=banding(expected, grids),
        flicker_mm=flicker_mm(candidate, photos),
        time_of_float32=None
        if model is None
        else time_ratio(model, float_model or model, photos.pixels[0]),
        npu={} if model is None else npu_estimates(model),
    )


def flicker_mm(candidate: Candidate, photos: Photos) -> float:
    """The median temporal deviation of depth in still videos with sensor noise, mean of photos."""
    chosen = photos.samples[:: max(1, len(photos.samples) // FLICKER_PHOTOS)][:FLICKER_PHOTOS]
    height, width = photos.pixels[0].shape[:2]
    found = []
    for sample in chosen:
        video = still_video(sample.rgb, FLICKER_FRAMES)
        frames = [fit_photo(frame, (height, width)) for frame in video]
        found.append(steadiness(1000 * grid for grid in candidate.depth(frames)).median_mm)
    return float(np.mean(found))


def grid_at_size(grid: Grid, other: Grid) -> Grid:
    """A grid at another one's size, bilinearly."""
    if grid.shape == other.shape:
        return grid
    size = other.shape[::-1]
    return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_LINEAR), np.float32)


def scores(photos: Photos, grids: Sequence[Grid]) -> Scores:
    """The metrics of each image, at the size of its truth."""
    waiting = iter(grids)
    rows = evaluate(
        lambda rgb: depth_in_frame(next(waiting), photos.place(rgb)),
        photos.samples,
        photos.dataset,
    )
    return [{name: row[name] for name in METRICS} for row in rows]


def means(rows: Scores) -> dict[str, float]:
    """The mean of each metric over all images."""
    return {name: float(np.mean([row[name] for row in rows])) for name in METRICS}


def changes(reference: Scores, rows: Scores) -> dict[str, Change]:
    """The change of each metric from the float network's, with its 95 % interval."""
    return {
        name: paired_change([row[name] for row in reference], [row[name] for row in rows])
        for name in METRICS
    }


def time_ratio(model: bytes, other: bytes, pixels: Pixels) -> float:
    """Time of an inference on one core, as a ratio to another model's, measured in turns."""
    ours, theirs = (_ready(each, pixels) for each in (model, other))
    pairs = [(_seconds(ours.invoke), _seconds(theirs.invoke)) for _ in range(ROUNDS)]
    return statistics.median(one / two for one, two in pairs)


def _ready(model: bytes, pixels: Pixels) -> Any:
    """An interpreter with the photo as input: some kernels are slower, or fail, on zeros."""
    interpreter = open_interpreter(model, num_threads=1)
    (detail,) = interpreter.get_input_details()
    values = np.empty(detail["shape"], detail["dtype"])
    write_input(pixels, "rgb", values[0])
    interpreter.set_tensor(detail["index"], values)
    return interpreter


def _seconds(call: Callable[[], Any]) -> float:
    begin = perf_counter()
    call()
    return perf_counter() - begin


def npu_estimates(model: bytes) -> dict[str, NpuEstimate]:
    """Vela's estimate for a file on each NPU; empty if Vela is not installed."""
    if importlib.util.find_spec("ethosu") is None:
        return {}
    operators = read_operators(model)
    if all("float" in operator.result for operator in operators):
        return {name: NpuEstimate(len(operators), None) for name in NPUS}
    return {name: _estimated(model, name) for name in NPUS}


def _estimated(model: bytes, name: str) -> NpuEstimate:
    placement = compile_for_target(model, name, TARGETS[name]).placement
    return NpuEstimate(len(placement.at(CPU)), placement.milliseconds)
