"""The difference of two depth maps."""

from __future__ import annotations

import numpy as np
import pytest

from tfl_depth.depth_difference import DepthDifference


def test_unsigned_depths_are_compared_in_both_directions() -> None:
    a_mm, b_mm = np.array([[0, 100, 5]], np.uint16), np.array([[10, 0, 5]], np.uint16)
    found = DepthDifference.between(a_mm, b_mm)
    assert (found.median_mm, found.max_mm) == (10, 100)
    assert found == DepthDifference.between(b_mm, a_mm)
    assert found.mean_mm == pytest.approx(110 / 3)
    assert found.p95_mm == pytest.approx(91)


def test_large_depths_keep_every_millimeter() -> None:
    a_mm = np.array([4_000_000_001], np.uint32)
    assert DepthDifference.between(a_mm, a_mm - 1).max_mm == 1


@pytest.mark.parametrize("shape", [(2, 3), (6,), (0, 6)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one shape"):
        DepthDifference.between(np.zeros(shape), np.zeros((0, 6)))
