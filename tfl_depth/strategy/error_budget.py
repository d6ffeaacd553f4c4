"""The error from the weights, the feature maps and the output step, each measured alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.head import usual_count
from tfl_depth.encoding import CODES, Spans, decode_float, encode
from tfl_depth.format.contract_parts import HeadKind
from tfl_depth.strategy.deviation import median_mm
from tfl_depth.strategy.experiments import GRANULARITIES, Granularity
from tfl_depth.strategy.fake_quant_model import FakeQuantModel
from tfl_depth.strategy.results import ErrorBudget, RangeFigures, SourceFigures
from tfl_depth.strategy.study_input import Grid

# Ranges of outputs in meters, beside the network's own.
RANGES_M = (20.0, 40.0, 80.0)
HEADS: tuple[HeadKind, ...] = ("single", "split")

Inputs = Sequence[npt.NDArray[np.float32]]
# Measures grids against the float network and the truth.
Figures = Callable[[Sequence[Grid]], SourceFigures]


@dataclass(frozen=True)
class SimulatedGrids:
    """Depth on the same photos, (h, w) in meters each.

    Attributes:
        floats: of the float network.
        weights: with int8 weights, by granularity.
        feature_maps: with int8 feature maps.
        both: with both, by granularity.
    """

    floats: list[Grid]
    weights: dict[Granularity, list[Grid]]
    feature_maps: list[Grid]
    both: dict[Granularity, list[Grid]]


def simulate(model: FakeQuantModel, inputs: Inputs) -> SimulatedGrids:
    """Run a network with each source of error alone, and with both."""

    def each(maps: tuple[str, ...]) -> dict[Granularity, list[Grid]]:
        return {
            granularity: model.depth(
                inputs, kernels=model.kernels, per_channel=per_channel, maps=maps
            )
            for granularity, per_channel in GRANULARITIES.items()
        }

    return SimulatedGrids(
        floats=model.depth(inputs),
        weights=each(()),
        feature_maps=model.depth(inputs, maps=model.maps),
        both=each(model.maps),
    )


def error_budget(grids: SimulatedGrids, spans: Spans, figures: Figures) -> ErrorBudget:
    """Measure each source of error.

    Args:
        grids: of the network.
        spans: of its split.
        figures: measures grids.
    """
    return ErrorBudget(
        weights={name: figures(each) for name, each in grids.weights.items()},
        feature_maps=figures(grids.feature_maps),
        both={name: figures(each) for name, each in grids.both.items()},
        output_step={
            head: figures([through_output(grid, head, spans) for grid in grids.floats])
            for head in HEADS
        },
        ranges_mm={f"{each.max_depth_m:g}": _over_range(grids, each) for each in _ranges(spans)},
    )


def _ranges(spans: Spans) -> list[Spans]:
    longer = [each for each in RANGES_M if each > spans.max_depth_m]
    return [spans, *(Spans.uniform(each, each / usual_count((0.0, each))) for each in longer)]


def _over_range(grids: SimulatedGrids, spans: Spans) -> dict[str, RangeFigures]:
    def deviation_mm(found: Sequence[Grid], head: HeadKind) -> float:
        return median_mm(grids.floats, [through_output(grid, head, spans) for grid in found])

    return {
        head: RangeFigures(
            output_step=deviation_mm(grids.floats, head),
            together={name: deviation_mm(each, head) for name, each in grids.both.items()},
        )
        for head in HEADS
    }


def through_output(depth_m: Grid, head: HeadKind, spans: Spans) -> Grid:
    """Round depth (h, w) in meters to the int8 codes of a head."""
    if head == "single":
        step_m = spans.max_depth_m / CODES
        codes = np.rint(np.clip(depth_m, 0, spans.max_depth_m) / step_m)
        return np.asarray(codes * step_m, np.float32)
    integer, fractional = encode(depth_m, spans)
    decoded = decode_float(integer / spans.codes_per_span, fractional / CODES, spans)
    return np.asarray(decoded, np.float32)
