"""Ranges of feature maps from what photos show."""

from __future__ import annotations

import numpy as np
import pytest

from tests.converters.ptq import graphs
from tests.converters.ptq.block_graph import block_graph, block_images
from tfl_depth.converters.ptq.range_estimation import (
    Range,
    estimate_ranges,
    kl_divergence,
    least_squares,
    minmax,
    percentile,
)
from tfl_depth.converters.ptq.statistics import Observed, observe


def observed(values: np.ndarray) -> Observed:
    return Observed(float(values.min()), float(values.max()), values.astype(np.float32))


def squared_error(values: np.ndarray, range_: Range) -> float:
    low, high = min(range_[0], 0), max(range_[1], 0)
    step = (high - low) / 255
    rounded = np.clip(np.rint((values - low) / step), 0, 255) * step + low
    return float(np.square(rounded - values).mean())


@pytest.fixture(scope="module")
def heavy_tailed() -> np.ndarray:
    return np.random.default_rng(0).standard_t(4, 50_000)


def test_least_squares_leaves_less_error_than_the_extremes(heavy_tailed: np.ndarray) -> None:
    seen = observed(heavy_tailed)
    least = squared_error(heavy_tailed, least_squares(seen))
    assert least < 0.95 * squared_error(heavy_tailed, minmax(seen))


@pytest.mark.parametrize("method", [minmax, percentile(99.9), least_squares, kl_divergence])
def test_zero_is_always_inside(method: object) -> None:
    seen = observed(np.random.default_rng(1).uniform(3, 5, 1000))
    found = estimate_ranges({graphs.tensor("x", 1): seen}, method)  # type: ignore[arg-type]
    ((low, high),) = found.values()
    assert low == 0
    assert 3 < high <= 5


def test_percentiles_leave_out_as_much_at_either_end(heavy_tailed: np.ndarray) -> None:
    low, high = percentile(99)(observed(heavy_tailed))
    assert np.mean(heavy_tailed < low) == pytest.approx(0.01, abs=0.002)
    assert np.mean(heavy_tailed > high) == pytest.approx(0.01, abs=0.002)


def test_kl_is_within_the_extremes(heavy_tailed: np.ndarray) -> None:
    low, high = kl_divergence(observed(heavy_tailed))
    assert heavy_tailed.min() <= low < 0 < high <= heavy_tailed.max()


def test_extremes_are_of_all_values_and_samples_of_all_photos() -> None:
    graph, images = block_graph(), block_images(3)
    images[2][0, 5, 7, 1] = 40.0
    found = observe(graph, images, len(images))
    (source,) = graph.inputs.values()
    assert found[source].high == 40.0
    assert set(found) == set(graph.computed())
    assert len(found[source].samples) == sum(image.size for image in images)
