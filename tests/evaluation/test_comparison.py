"""The paired bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from tfl_depth.comparison import Change, paired_change

RNG = np.random.default_rng(3)


def test_the_same_values_have_not_changed() -> None:
    values = RNG.uniform(0.1, 0.3, 50)
    change = paired_change(values, values)
    assert (change.relative, change.low, change.high) == (0, 0, 0)


def test_a_common_factor_is_found_exactly_however_the_images_differ() -> None:
    values = RNG.uniform(0.01, 3, 50)
    change = paired_change(values, 1.05 * values)
    assert [change.relative, change.low, change.high] == pytest.approx([0.05] * 3)


def test_the_interval_covers_the_true_change_about_as_often_as_it_says() -> None:
    covered = []
    for trial in range(60):
        one = RNG.uniform(0.5, 1.5, 60)
        other = one * 1.02 + RNG.normal(0, 0.05, 60)
        change = paired_change(one, other, seed=trial)
        covered.append(change.low <= 0.02 <= change.high)
    assert 0.85 <= np.mean(covered) <= 1


@pytest.mark.parametrize(("one", "other"), [([], []), ([1.0], [1.0, 2.0])])
def test_lists_that_cannot_be_paired_are_refused(one: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="equally long"):
        paired_change(one, other)


def test_nothing_before_is_no_change() -> None:
    assert paired_change([0.0, 0.0], [0.0, 0.0]) == Change(0.0, 0.0, 0.0)
    assert paired_change([0.0, 1.0], [0.0, 2.0]).relative == pytest.approx(1.0)
