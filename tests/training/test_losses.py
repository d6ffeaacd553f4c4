"""The training losses: what they ignore, what they push, and how they scale."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfl_depth.evaluation.metrics import depth_metrics
from tfl_depth.losses import (
    LOSSES,
    MIN_DEPTH_M,
    berhu,
    log_gradient,
    log_l1,
    log_l1_with_gradient,
    scale_invariant_gradient,
    silog,
    two_head_loss,
)

Array = npt.NDArray[Any]
Loss = Callable[[Any, Any], Any]

each_loss = pytest.mark.parametrize(
    "loss",
    [log_l1, log_gradient, log_l1_with_gradient, silog, scale_invariant_gradient, berhu],
)
each_blind_to_scale = pytest.mark.parametrize(
    "loss", [log_gradient, scale_invariant_gradient, partial(silog, lambda_=1.0)]
)
each_in_the_table = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


def scene(seed: int = 0) -> Array:
    """Depth (2, 24, 32, 1) of 0.5 to 8 m."""
    return np.random.default_rng(seed).uniform(0.5, 8, (2, 24, 32, 1)).astype(np.float32)


def value(loss: Loss, true: Array, pred: Array) -> float:
    return float(loss(tf.constant(true), tf.constant(pred)))


def gradient(loss: Loss, true: Array, pred: Array) -> Array:
    with tf.GradientTape() as tape:
        variable = tf.Variable(pred)
        result = loss(tf.constant(true), variable)
    return np.asarray(tape.gradient(result, variable))


@each_loss
def test_loss_is_zero_at_the_truth(loss: Loss) -> None:
    true = scene()
    true[0, 0] = MIN_DEPTH_M / 2
    assert value(loss, true, true) == 0
    assert np.isfinite(gradient(loss, true, true)).all()


@each_loss
def test_invalid_pixels_count_for_nothing(loss: Loss) -> None:
    true, pred = scene(), scene(1)
    true[:, 5:15, 3:20] = 0
    other = pred.copy()
    other[:, 5:15, 3:20] = 77
    assert value(loss, true, pred) == value(loss, true, other) > 0
    assert not gradient(loss, true, pred)[:, 5:15, 3:20].any()


@each_loss
def test_a_picture_without_truth_gives_zero(loss: Loss) -> None:
    nothing = np.zeros((1, 16, 16, 1), np.float32)
    pred = scene()[:1, :16, :16]
    assert value(loss, nothing, pred) == 0
    assert not gradient(loss, nothing, pred).any()


@pytest.mark.parametrize("depth_m", [0.0, -0.5, -100.0])
def test_predictions_of_zero_and_less_are_pushed_up(depth_m: float) -> None:
    true = np.full((1, 8, 8, 1), 2, np.float32)
    pred = np.full_like(true, depth_m)
    assert np.isfinite(value(log_l1_with_gradient, true, pred))
    slope = gradient(log_l1, true, pred)
    np.testing.assert_allclose(slope, -1 / MIN_DEPTH_M / true.size, rtol=1e-5)


@each_loss
@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_no_prediction_makes_a_slope_infinite(loss: Loss, factor: float) -> None:
    true, pred = scene(), factor * scene(1)
    assert np.isfinite(value(loss, true, pred))
    assert np.isfinite(gradient(loss, true, pred)).all()


@each_loss
def test_loss_and_gradient_have_no_jump_at_the_least_depth(loss: Loss) -> None:
    true = scene()
    above, below = (np.full_like(true, MIN_DEPTH_M + step) for step in (1e-5, -1e-5))
    assert value(loss, true, above) == pytest.approx(value(loss, true, below), abs=1e-3)
    difference = gradient(loss, true, above) - gradient(loss, true, below)
    assert np.abs(difference).max() < 1e-3 / MIN_DEPTH_M


def test_log_l1_is_the_mean_absolute_log_ratio() -> None:
    true, pred = scene(), scene(1)
    true[0, :3] = 0
    ratio = np.log(pred / np.where(true > 0, true, 1))[true > 0]
    assert value(log_l1, true, pred) == pytest.approx(np.abs(ratio).mean(), rel=1e-5)


def test_log_l1_asks_for_the_ratio_not_the_distance() -> None:
    true = scene()
    too_far, too_near = value(log_l1, true, 1.2 * true), value(log_l1, true, true / 1.2)
    assert too_far == pytest.approx(np.log(1.2), rel=1e-5)
    assert too_near == pytest.approx(too_far, rel=1e-5)
    # The same scene ten times as far away, in the same ratio.
    assert value(log_l1, 10 * true, 12 * true) == pytest.approx(too_far, rel=1e-5)


@each_blind_to_scale
def test_some_losses_ignore_a_common_factor(loss: Loss) -> None:
    true, pred = scene(), scene(1)
    assert value(loss, true, 1.7 * true) == pytest.approx(0, abs=1e-5)
    assert value(loss, true, 1.7 * pred) == pytest.approx(value(loss, true, pred), rel=1e-5)


@each_in_the_table
def test_no_loss_of_the_table_does(loss: Loss) -> None:
    assert value(loss, scene(), 1.7 * scene()) > 0.1


def test_log_gradient_of_a_step_worked_out_by_hand() -> None:
    # Constant truth; the prediction doubles from column 8 of 16 on.
    true = np.ones((1, 16, 16, 1), np.float32)
    pred = true.copy()
    pred[:, :, 8:] = 2
    # At strides 1, 2, 4, 8 one of 15, 7, 3, 1 neighboring pairs differs, by ln 2.
    expected = np.log(2) * (1 / 15 + 1 / 7 + 1 / 3 + 1) / 4
    assert value(log_gradient, true, pred) == pytest.approx(expected, rel=1e-5)


def test_the_sum_weighs_the_gradient_half() -> None:
    true, pred = scene(), scene(1)
    expected = value(log_l1, true, pred) + 0.5 * value(log_gradient, true, pred)
    assert value(log_l1_with_gradient, true, pred) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("lambda_", [0.0, 0.5, 0.85, 1.0])
def test_silog_is_the_mean_over_images_of_eigens_formula(lambda_: float) -> None:
    true, pred = scene(), 0.8 * scene(1)
    true[0, 4:] = 0
    roots = []
    for t, p in zip(true, pred, strict=True):
        d = np.log(p[t > 0].astype(np.float64)) - np.log(t[t > 0])
        roots.append(np.sqrt((d**2).sum() / d.size - lambda_ * d.sum() ** 2 / d.size**2))
    found = value(partial(silog, lambda_=lambda_), true, pred)
    assert found == pytest.approx(np.mean(roots), rel=1e-5)


def test_silog_of_two_pixels_worked_out_by_hand() -> None:
    # Log residuals 0 and 1: mean square 1/2, squared mean 1/4.
    true = np.full((1, 1, 2, 1), 2, np.float32)
    pred = np.array([2, 2 * np.e], np.float32).reshape(true.shape)
    assert value(silog, true, pred) == pytest.approx(np.sqrt(0.5 - 0.85 / 4), rel=1e-5)


def test_silog_is_the_metric_at_lambda_one() -> None:
    true, pred = scene()[:1], scene(1)[:1]
    metric = depth_metrics(true.ravel(), pred.ravel())["silog"]
    assert 100 * value(partial(silog, lambda_=1.0), true, pred) == pytest.approx(metric, rel=1e-5)


def test_an_image_without_truth_does_not_count_in_silog() -> None:
    true, pred = scene(), scene(1)
    true[1] = 0
    assert value(silog, true, pred) == pytest.approx(value(silog, true[:1], pred[:1]), rel=1e-6)


@pytest.mark.parametrize("error", [1e-7, 1e-5, 1e-3])
def test_silog_has_a_bounded_slope_next_to_the_truth(error: float) -> None:
    true = scene()
    noise = np.random.default_rng(2).standard_normal(true.shape).astype(np.float32)
    assert np.abs(gradient(silog, true, true * (1 + error * noise))).sum() < 2


def test_scale_invariant_gradient_of_a_step_worked_out_by_hand() -> None:
    # Constant truth; the prediction doubles from column 8 of 16 on: (2 - 1) / (2 + 1).
    true = np.ones((1, 16, 16, 1), np.float32)
    pred = true.copy()
    pred[:, :, 8:] = 2
    # At spacings 1, 2, 4, 8 so many columns of those with a neighbor; at 16 there is none.
    expected = (1 / 15 + 2 / 14 + 4 / 12 + 8 / 8) / 3 / 5
    assert value(scale_invariant_gradient, true, pred) == pytest.approx(expected, rel=1e-5)


def test_scale_invariant_gradient_takes_the_norm_of_both_directions() -> None:
    # Down from 1 to 2, right from 1 to 3; the fourth pixel is nobody's start.
    true = np.ones((1, 2, 2, 1), np.float32)
    pred = np.array([[1, 3], [2, 9]], np.float32).reshape(true.shape)
    expected = np.hypot(1 / 3, 2 / 4) / 5
    assert value(scale_invariant_gradient, true, pred) == pytest.approx(expected, rel=1e-5)


def test_scale_invariant_gradient_is_that_of_inverse_depth() -> None:
    true, pred = scene(), scene(1)
    inverse = value(scale_invariant_gradient, 1 / true, 1 / pred)
    assert value(scale_invariant_gradient, true, pred) == pytest.approx(inverse, rel=1e-5)


def test_scale_invariant_gradient_needs_both_neighbors() -> None:
    true = np.ones((1, 2, 2, 1), np.float32)
    pred = np.array([[1, 3], [2, 9]], np.float32).reshape(true.shape)
    for row, column in ((0, 0), (0, 1), (1, 0)):
        holed = true.copy()
        holed[0, row, column] = 0
        assert value(scale_invariant_gradient, holed, pred) == 0


def pixels(*depths_m: float) -> Array:
    """Depth (1, 1, n, 1)."""
    return np.array(depths_m, np.float32).reshape(1, 1, -1, 1)


def test_berhu_worked_out_by_hand() -> None:
    # Residuals 1, 0.1 and -0.5 m: c is 0.2 m.
    true, pred = pixels(3, 3, 3), pixels(4, 3.1, 2.5)
    expected = ((1 + 0.04) / 0.4 + 0.1 + (0.25 + 0.04) / 0.4) / 3
    assert value(berhu, true, pred) == pytest.approx(expected, rel=1e-5)
    # The slope takes c as given: x / c beyond it, a sign before it.
    slopes = gradient(berhu, true, pred).ravel()
    np.testing.assert_allclose(slopes, np.array([1 / 0.2, 1, -0.5 / 0.2]) / 3, rtol=1e-5)


def test_berhu_has_no_jump_where_it_turns_squared() -> None:
    true = pixels(3, 3)
    below, above = pixels(4, 3.2 - 1e-4), pixels(4, 3.2 + 1e-4)
    assert value(berhu, true, above) - value(berhu, true, below) == pytest.approx(1e-4, rel=0.01)
    np.testing.assert_allclose(
        gradient(berhu, true, above), gradient(berhu, true, below), rtol=1e-3
    )


def test_berhu_sets_its_threshold_by_valid_pixels() -> None:
    # Without the last pixel c is 0.2 m, with it 2 m.
    true, pred = pixels(3, 3, 0), pixels(4, 3.1, 10)
    assert value(berhu, true, pred) == pytest.approx((1.04 / 0.4 + 0.1) / 2, rel=1e-5)


def seed_loss(true: Array, integer: Array, fractional: Array) -> tuple[float, Array, Array]:
    """The loss over 15 m, and its slopes by both heads."""
    heads = tf.Variable(integer), tf.Variable(fractional)
    with tf.GradientTape() as tape:
        result = two_head_loss(tf.constant(true), *heads, max_depth_m=15)
    slopes = tape.gradient(result, heads)
    return float(result), np.asarray(slopes[0]), np.asarray(slopes[1])


def test_seed_loss_worked_out_by_hand() -> None:
    # 3.25 m read as 4.5 whole meters and 0.5: off by 1.5 m, by 0.25 and together by 1.75 m.
    loss, by_integer, by_fractional = seed_loss(pixels(3.25), pixels(0.3), pixels(0.5))
    assert loss == pytest.approx(1.0 * 1.5 + 10.0 * 0.25 + 0.5 * 1.75, rel=1e-5)
    assert by_integer.ravel() == pytest.approx([15 * (1.0 + 0.5)], rel=1e-5)
    assert by_fractional.ravel() == pytest.approx([10.0 + 0.5], rel=1e-5)


def test_seed_loss_is_zero_at_the_truth() -> None:
    true = scene()
    whole = np.floor(true)
    loss, by_integer, by_fractional = seed_loss(true, whole / 15, true - whole)
    assert loss == pytest.approx(0, abs=1e-5)
    assert np.isfinite(by_integer).all()
    assert np.isfinite(by_fractional).all()


def test_seed_loss_ignores_invalid_pixels() -> None:
    true, integer, fractional = scene(), scene(1) / 15, scene(2) / 15
    true[:, 5:15, 3:20] = 0
    loss, *slopes = seed_loss(true, integer, fractional)
    for head, slope in zip((integer, fractional), slopes, strict=True):
        assert not slope[:, 5:15, 3:20].any()
        head[:, 5:15, 3:20] = 1
    assert seed_loss(true, integer, fractional)[0] == loss > 0


def test_seed_loss_of_a_picture_without_truth_is_zero() -> None:
    loss, *slopes = seed_loss(np.zeros_like(scene()), scene(1) / 15, scene(2) / 15)
    assert loss == 0
    assert not np.any(slopes)
