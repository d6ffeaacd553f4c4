"""Whether a network's depth follows the focal length, of networks of which it is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.data import DATASETS, Sample
from tfl_depth.evaluation.zooms import evaluate_zooms, measure_zooms, zoomed

Pixels = npt.NDArray[np.uint8]
SIZE = (120, 160)
# Of a square of 1 m, in pixels.
FOCAL = 60.0


def photo(width: int) -> Pixels:
    """A white square that is `width` pixels wide, in the middle of black."""
    rgb = np.zeros((*SIZE, 3), np.uint8)
    top, left = (SIZE[0] - width) // 2, (SIZE[1] - width) // 2
    rgb[top : top + width, left : left + width] = 255
    return rgb


def by_size(rgb: Pixels) -> npt.NDArray[np.float32]:
    """Depth of the square, from its width, everywhere: the pinhole camera's relation."""
    width = np.sqrt((rgb[..., 0] > 190).sum())
    return np.full(rgb.shape[:2], FOCAL / width, np.float32)


def by_nothing(rgb: Pixels) -> npt.NDArray[np.float32]:
    """A depth that never changes."""
    return np.full(rgb.shape[:2], 2.0, np.float32)


PHOTOS = [photo(width) for width in (20, 24, 28, 32, 36, 40, 44, 48)]


@pytest.mark.parametrize(("network", "expected"), [(by_size, 1.0), (by_nothing, 0.0)])
def test_response_is_1_by_the_relation_and_0_without(network: Any, expected: float) -> None:
    found = measure_zooms(network, PHOTOS)
    assert found.zooms == (0.7, 1.4)
    assert found.response == pytest.approx((expected, expected), abs=0.06)
    assert found.obeys == (expected == 1.0)
    assert found.images == 8


def test_nothing_is_shown_by_a_few_photos_or_one_side() -> None:
    assert not measure_zooms(by_size, PHOTOS[:7]).obeys
    assert not measure_zooms(by_size, PHOTOS, (1.4, 2.0)).obeys
    assert not measure_zooms(by_size, PHOTOS, (0.5, 0.7)).obeys


def test_table_compares_with_the_truth_of_what_is_shown() -> None:
    samples = [
        Sample(f"{k}", rgb, by_size(rgb), np.ones(SIZE, bool)) for k, rgb in enumerate(PHOTOS)
    ]
    table = evaluate_zooms(by_size, samples, DATASETS["pairs"], (0.7, 1.0, 1.4))
    assert [row.zoom for row in table.rows] == [0.7, 1.0, 1.4]
    near, same, far = table.rows
    assert same.abs_rel == same.corrected_abs_rel == 0
    assert same.response is None
    assert near.abs_rel == pytest.approx(1 / 0.7 - 1, abs=0.04)
    assert far.abs_rel == pytest.approx(1 - 1 / 1.4, abs=0.04)
    assert max(near.corrected_abs_rel, far.corrected_abs_rel) < 0.03
    assert table.obeys


def test_zoom_shows_the_middle_or_a_border() -> None:
    assert (zoomed(photo(40), 4.0) == 255).mean() > 0.9
    small = zoomed(np.zeros((*SIZE, 3), np.uint8), 0.5)
    assert small.shape == (*SIZE, 3)
    assert (small == 128).mean() == pytest.approx(0.75)
    assert (small[30:90, 40:120] == 0).all()
