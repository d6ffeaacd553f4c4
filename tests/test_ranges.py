from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.block_net import block_images, block_net
from tfl_depth.converters.ranges import (
    feature_maps,
    kl_divergence,
    least_squares,
    percentile,
    pin_extremes,
    pin_ranges,
    with_ranges,
)
from tfl_depth.converters.steps import STEPS
from tfl_depth.converters.workpiece import Workpiece
from tfl_depth.models.dual_head import PinnedRange
from tfl_depth.recipes import DEFAULT, RECIPES

RNG = np.random.default_rng(0)
_bell = RNG.normal(0, 1, 100_000).astype(np.float32)
# What ruins a range: one value in ten thousand far out.
_outliers = np.where(np.arange(_bell.size) % 10_000 == 0, 40 * np.abs(_bell) + 40, _bell)


def workpiece() -> Workpiece:
    return Workpiece.of(
        block_net(),
        block_images(8),
        lambda: block_images(20),
        per_channel=True,
        progress=lambda items, total, what: items,
    )


def squared_error(values: np.ndarray, low: float, high: float) -> float:
    step = (high - low) / 255
    codes = np.rint((np.clip(values, low, high) - low) / step)
    return float(np.square(codes * step + low - values).mean())


def test_a_percentile_leaves_so_many_values_out() -> None:
    low, high = percentile(99.0)(_bell)
    assert np.mean(_bell > high) == pytest.approx(0.01, abs=1e-3)
    assert np.mean(_bell < low) == pytest.approx(0.01, abs=1e-3)


def test_least_squares_never_loses_to_the_whole_range() -> None:
    for values in (_bell, _outliers, np.maximum(_bell, 0)):
        whole = squared_error(values, values.min(), values.max())
        assert squared_error(values, *least_squares(values)) <= whole


def test_kl_divergence_cuts_a_long_tail_and_keeps_an_even_spread() -> None:
    long_tail = np.concatenate([_bell, [50, 60]]).astype(np.float32)
    assert kl_divergence(long_tail)[1] < 0.8 * long_tail.max()
    even = np.linspace(0, 6, 100_000).astype(np.float32)
    assert kl_divergence(even)[1] == pytest.approx(6, rel=0.05)


def test_ranges_are_those_of_tensors_that_the_file_will_have() -> None:
    names = feature_maps(workpiece().network)
    # A convolution with its ReLU is one tensor; the depth's range is the head's affair.
    assert "stem" not in names and "stem_relu6" in names
    assert "b0_project" in names and "b1_add" in names
    assert "depth" not in names


def test_a_pinned_range_holds_zero_and_stands_behind_its_layer() -> None:
    work = workpiece()
    pin_ranges(lambda values: (0.5, 1.5))(work)
    assert set(work.ranges) == set(feature_maps(work.network))
    assert set(work.ranges.values()) == {(0.0, 1.5)}
    pinned = with_ranges(work.network, work.ranges)
    found = [layer for layer in pinned.layers if isinstance(layer, PinnedRange)]
    assert len(found) == len(work.ranges)
    probe = keras.Model(pinned.inputs, pinned.get_layer("b1_add_range").output)
    values = probe.predict_on_batch(block_images(1))
    assert values.min() >= 0 and values.max() == pytest.approx(1.5, abs=1e-5)


def test_no_ranges_change_nothing() -> None:
    work = workpiece()
    image = block_images(1, seed=5)
    np.testing.assert_allclose(
        with_ranges(work.network, {}).predict_on_batch(image),
        work.network.predict_on_batch(image),
        atol=1e-5,
    )


def test_every_recipe_names_steps_that_there_are() -> None:
    assert DEFAULT in RECIPES
    for recipe in RECIPES.values():
        assert set(recipe.steps) <= set(STEPS)
    assert {step for recipe in RECIPES.values() for step in recipe.steps} == set(STEPS)


@pytest.mark.parametrize("name", ["range-percentile-99.9", "range-mse", "range-kl"])
def test_chosen_ranges_lie_inside_what_was_seen(name: str) -> None:
    work, wide = workpiece(), workpiece()
    STEPS[name](work)
    pin_ranges(lambda values: (float(values.min()), float(values.max())))(wide)
    for layer, (low, high) in work.ranges.items():
        assert wide.ranges[layer][0] <= low <= 0 <= high <= wide.ranges[layer][1]
    assert work.ranges != wide.ranges


def test_extremes_are_those_of_all_photos_not_of_the_few_looked_at() -> None:
    work = workpiece()
    pin_extremes(work)
    probe = keras.Model(
        work.network.inputs, [work.network.get_layer(n).output for n in work.ranges]
    )
    for (low, high), maps in zip(
        work.ranges.values(), probe.predict(work.photos(), 4, verbose=0), strict=True
    ):
        assert low == pytest.approx(min(0.0, float(maps.min())), abs=1e-4)
        assert high == pytest.approx(max(0.0, float(maps.max())), abs=1e-4)
