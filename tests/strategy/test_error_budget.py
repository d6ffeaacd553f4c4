"""Each source of error by itself, and the step of the outputs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.strategy.small_study import Inputs
from tfl_depth.encoding import Spans
from tfl_depth.evaluation.bootstrap import Change
from tfl_depth.strategy.calibrated_graph import CalibratedGraph
from tfl_depth.strategy.deviation import DepthDeviation
from tfl_depth.strategy.error_budget import error_budget, simulate, through_output
from tfl_depth.strategy.fake_quant_model import FakeQuantModel
from tfl_depth.strategy.results import ErrorBudget, SourceFigures


@pytest.mark.parametrize("spans", [Spans.uniform(10), Spans((0.0, 1.0, 4.0, 10.0))])
def test_an_output_s_codes_cost_half_a_step(spans: Spans) -> None:
    depth = np.linspace(0, 10, 5000, dtype=np.float32).reshape(50, 100)
    single = np.abs(through_output(depth, "single", spans) - depth)
    split = np.abs(through_output(depth, "split", spans) - depth)
    assert single.max() == pytest.approx(10 / 255 / 2, rel=0.02)
    assert split.max() <= max(spans.widths_m) / 255 / 2 + 1e-5


def test_depth_outside_the_range_is_cut() -> None:
    depth = np.array([[-1.0, 12.0]], np.float32)
    for head in ("single", "split"):
        found = through_output(depth, head, Spans.uniform(10))
        np.testing.assert_allclose(found, [[0, 10]], atol=1e-6)


@pytest.fixture(scope="module")
def budget(small_calibrated: tuple[CalibratedGraph, Inputs]) -> ErrorBudget:
    made, inputs = small_calibrated
    grids = simulate(FakeQuantModel(made.headed, made.ranges), inputs)
    spans = made.headed.spans

    def figures(found: list[np.ndarray]) -> SourceFigures:
        return SourceFigures(
            DepthDeviation.measured(grids.floats, found, spans), Change(0.0, 0.0, 0.0)
        )

    return error_budget(grids, spans, figures)  # type: ignore[arg-type]


def test_sources_add_up(budget: ErrorBudget) -> None:
    maps_mm = budget.feature_maps.deviation.median_mm
    for granularity, weights in budget.weights.items():
        both_mm = budget.both[granularity].deviation.median_mm
        assert weights.deviation.median_mm > 0 and maps_mm > 0
        assert both_mm < 2 * (weights.deviation.median_mm + maps_mm)
    worse, better = budget.weights["per_tensor"], budget.weights["per_channel"]
    assert worse.deviation.median_mm > 2 * better.deviation.median_mm


def test_the_split_s_step_is_the_finer_one(budget: ErrorBudget) -> None:
    single, split = (budget.output_step[head].deviation for head in ("single", "split"))
    assert single.max_mm <= 8000 / 255 / 2 + 0.1
    assert split.max_mm <= single.max_mm / 7


def test_a_longer_range_costs_the_single_output_most(budget: ErrorBudget) -> None:
    assert list(budget.ranges_mm) == ["8", "20", "40", "80"]
    shortest, longest = budget.ranges_mm["8"], budget.ranges_mm["80"]
    assert longest["single"].output_step > 3 * shortest["single"].output_step
    assert longest["split"].output_step < 10
    assert longest["single"].together["per_channel"] > longest["split"].together["per_channel"]
