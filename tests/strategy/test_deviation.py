"""Deviations of depths that are known."""

from __future__ import annotations

import numpy as np
import pytest

from tfl_depth.encoding import Spans
from tfl_depth.strategy.deviation import DepthDeviation, median_mm

SPANS = Spans((0.0, 1.0, 4.0))


def grid(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_figures_are_over_all_pixels_of_all_images() -> None:
    expected, found = [grid(1, 2), grid(2, 4)], [grid(1.1, 2.2), grid(2.2, 4)]
    deviation = DepthDeviation.measured(expected, found, SPANS)
    assert deviation.median_mm == pytest.approx(150, abs=0.01)
    assert deviation.mean_mm == pytest.approx(125, abs=0.01)
    assert deviation.max_mm == pytest.approx(200, abs=0.01)
    assert deviation.p95_mm == pytest.approx(200, abs=0.01)
    assert deviation.median_share == pytest.approx(0.1, abs=1e-4)
    assert median_mm(expected, found) == pytest.approx(150, abs=0.01)


def test_a_wrap_is_more_than_half_of_the_pixel_s_own_span() -> None:
    # 0.6 m is more than half of the first span, and less than half of the second.
    deviation = DepthDeviation.measured([grid(0.2, 2.0)], [grid(0.8, 2.6)], SPANS)
    assert deviation.wrap_share == 0.5


def test_what_lies_outside_the_range_is_expected_at_its_end() -> None:
    deviation = DepthDeviation.measured([grid(9.0, -1.0)], [grid(4.0, 0.0)], SPANS)
    assert deviation.max_mm == pytest.approx(1, abs=0.01)
