"""The training losses: what they ignore, what they push, and how they scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from tfl_depth.losses import MIN_DEPTH_M, log_gradient, log_l1, log_l1_with_gradient

Array = npt.NDArray[Any]
Loss = Callable[[Any, Any], Any]

each_loss = pytest.mark.parametrize("loss", [log_l1, log_gradient, log_l1_with_gradient])


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


def test_log_gradient_ignores_a_common_factor() -> None:
    true = scene()
    assert value(log_gradient, true, 1.7 * true) == pytest.approx(0, abs=1e-5)


def test_log_gradient_of_a_step_worked_out_by_hand() -> None:
    # Constant truth; the prediction doubles from column 8 of 16 on.
    true = np.ones((1, 16, 16, 1), np.float32)
    pred = true.copy()
    pred[:, :, 8:] = 2
    # At strides 1, 2, 4, 8 one of 15, 7, 3, 1 neighbouring pairs differs, by ln 2.
    expected = np.log(2) * (1 / 15 + 1 / 7 + 1 / 3 + 1) / 4
    assert value(log_gradient, true, pred) == pytest.approx(expected, rel=1e-5)


def test_the_sum_weighs_the_gradient_half() -> None:
    true, pred = scene(), scene(1)
    expected = value(log_l1, true, pred) + 0.5 * value(log_gradient, true, pred)
    assert value(log_l1_with_gradient, true, pred) == pytest.approx(expected, rel=1e-6)
