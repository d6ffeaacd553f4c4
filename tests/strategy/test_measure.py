"""What is measured of a candidate, on candidates that are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from tests.strategy.small_study import MAX_DEPTH_M, SIZE
from tfl_depth.encoding import Spans
from tfl_depth.evaluation.steadiness import SENSOR_NOISE
from tfl_depth.runtime.preprocess import resize_pixels
from tfl_depth.strategy.candidates import Candidate
from tfl_depth.strategy.measure import (
    NPUS,
    Photos,
    flicker_mm,
    grid_at_size,
    measure,
    npu_estimates,
    time_ratio,
)
from tfl_depth.strategy.study_input import Grid, Pixels, StudyInput
from tfl_depth.strategy.study_network import StudyNetwork


@pytest.fixture(scope="module")
def photos(small_study: StudyInput) -> Photos:
    pixels = [resize_pixels(sample.rgb, SIZE) for sample in small_study.samples]
    return Photos(small_study.dataset, small_study.samples, pixels, Spans.uniform(MAX_DEPTH_M))


def candidate(grids: list[Grid], reference: list[Grid]) -> Candidate:
    def depth(_pixels: Sequence[Pixels]) -> Iterator[Grid]:
        return iter(grids)

    return Candidate(None, depth, reference)


def test_a_network_that_gives_the_truth_has_no_error(photos: Photos) -> None:
    truth = [grid_at_size(sample.depth_m, np.zeros(SIZE, np.float32)) for sample in photos.samples]
    found = measure(candidate(truth, truth), photos, None, None)
    assert found.metrics["abs_rel"] < 0.01 and found.metrics["delta1"] == 1
    assert found.deviation.max_mm == 0
    assert found.change["abs_rel"].relative == 0
    assert found.time_of_float32 is None and found.npu == {}


def test_a_change_is_from_the_reference_s_scores(photos: Photos) -> None:
    truth = [grid_at_size(sample.depth_m, np.zeros(SIZE, np.float32)) for sample in photos.samples]
    tenth = [grid * np.float32(1.1) for grid in truth]
    fifth = [grid * np.float32(1.2) for grid in truth]
    before = measure(candidate(tenth, truth), photos, None, None)
    after = measure(candidate(fifth, tenth), photos, before.scores, None)
    assert after.change["abs_rel"].relative == pytest.approx(1, abs=0.05)
    assert after.deviation.median_share == pytest.approx(0.0909, abs=0.001)


def test_flicker_is_what_sensor_noise_does_to_the_depth(photos: Photos) -> None:
    def constant(frames: Sequence[Pixels]) -> Iterator[Grid]:
        return (np.full(SIZE, 2.0, np.float32) for _ in frames)

    def millimeter_a_code(frames: Sequence[Pixels]) -> Iterator[Grid]:
        return (np.asarray(1 + frame[..., 1] / 1000, np.float32) for frame in frames)

    assert flicker_mm(Candidate(None, constant, []), photos) == 0
    # Resizing to the network's grid takes a part of the noise away; clipping at 0 and 255 too.
    assert 0.5 < flicker_mm(Candidate(None, millimeter_a_code, []), photos) < SENSOR_NOISE


def test_a_smaller_grid_is_enlarged_before_it_is_compared(photos: Photos) -> None:
    whole = [np.full(SIZE, 2.0, np.float32)] * len(photos.samples)
    half = [np.full((16, 24), 2.0, np.float32)] * len(photos.samples)
    assert measure(candidate(half, whole), photos, None, None).deviation.max_mm == 0


def test_a_file_takes_as_long_as_itself(small_network: StudyNetwork, photos: Photos) -> None:
    ratio = time_ratio(small_network.model, small_network.model, photos.pixels[0])
    assert 0.3 < ratio < 3


def test_a_float_file_is_left_to_the_cpu(small_network: StudyNetwork) -> None:
    pytest.importorskip("ethosu")
    found = npu_estimates(small_network.model)
    assert set(found) == set(NPUS)
    assert all(each.cpu_operators == 8 and each.milliseconds is None for each in found.values())
