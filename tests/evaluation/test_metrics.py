"""The metrics against values worked out by hand and against plain formulas."""

from __future__ import annotations

import math
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from tfl_depth.data import DATASETS, Sample
from tfl_depth.evaluation.evaluate import evaluate, keras_predictor
from tfl_depth.evaluation.metrics import (
    METRICS,
    BinnedMetrics,
    DistanceBin,
    PooledMetrics,
    depth_metrics,
    mean_over_images,
)

Array = npt.NDArray[Any]


def test_metrics_of_two_pixels_worked_out_by_hand() -> None:
    # 1 m read as 2 m, 4 m read as 4 m.
    metrics = depth_metrics(np.array([1.0, 4.0]), np.array([2.0, 4.0]))
    assert metrics == pytest.approx(
        {
            "abs_rel": 0.5,  # (1/1 + 0/4) / 2
            "sq_rel": 0.5,  # (1/1 + 0/4) / 2
            "rmse": math.sqrt(0.5),
            "rmse_log": math.log(2) / math.sqrt(2),
            "log10": math.log10(2) / 2,
            "silog": 100 * math.log(2) / 2,  # logs 0 and ln 2: standard deviation ln 2 / 2
            "delta1": 0.5,
            "delta2": 0.5,
            "delta3": 0.5,
        }
    )


def test_metrics_equal_the_formulas_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    true, pred = rng.uniform(0.5, 10, 500), rng.uniform(0.5, 10, 500)
    logs = [math.log(p) - math.log(t) for t, p in zip(true, pred, strict=True)]
    metrics = depth_metrics(true, pred)
    assert metrics["sq_rel"] == pytest.approx(
        np.mean([(p - t) ** 2 / t for t, p in zip(true, pred, strict=True)])
    )
    # Eigen et al.: mean square minus squared mean.
    silog = math.sqrt(sum(d * d for d in logs) / 500 - (sum(logs) / 500) ** 2)
    assert metrics["silog"] == pytest.approx(100 * silog)
    for k in (1, 2, 3):
        inside = [1.25**-k < p / t < 1.25**k for t, p in zip(true, pred, strict=True)]
        assert metrics[f"delta{k}"] == sum(inside) / 500


def test_a_perfect_prediction_is_perfect() -> None:
    true = np.array([0.5, 3.0, 9.0])
    metrics = depth_metrics(true, true)
    assert {name: metrics[name] for name in METRICS[:6]} == dict.fromkeys(METRICS[:6], 0.0)
    assert {name: metrics[name] for name in METRICS[6:]} == dict.fromkeys(METRICS[6:], 1.0)


def test_a_wrong_scale_counts_except_for_silog() -> None:
    true = np.linspace(1, 8, 50)
    metrics = depth_metrics(true, 1.3 * true)
    assert metrics["abs_rel"] == pytest.approx(0.3)
    assert metrics["rmse_log"] == pytest.approx(math.log(1.3))
    assert metrics["silog"] == pytest.approx(0, abs=1e-5)
    assert (metrics["delta1"], metrics["delta2"]) == (0, 1)


def test_delta_is_an_open_interval() -> None:
    assert depth_metrics(np.array([1.0]), np.array([1.25]))["delta1"] == 0


@pytest.mark.parametrize(
    ("true", "pred"),
    [
        ([], []),
        ([1.0, 2.0], [1.0]),
        ([1.0], [0.0]),
        ([1.0], [-1.0]),
        ([0.0], [1.0]),
        ([1.0], [math.nan]),
        ([math.inf], [1.0]),
    ],
)
def test_depths_that_no_metric_can_take_are_refused(true: list[float], pred: list[float]) -> None:
    for take in (depth_metrics, PooledMetrics().add, BinnedMetrics([0.0, 5.0]).add):
        with pytest.raises(ValueError, match="Expected"):
            take(np.array(true), np.array(pred))


def test_every_image_counts_alike() -> None:
    few = depth_metrics(np.array([1.0]), np.array([2.0]))
    many = depth_metrics(np.full(100, 1.0), np.full(100, 1.0))
    assert mean_over_images([few, many])["abs_rel"] == pytest.approx(0.5)


def test_a_mean_over_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        mean_over_images([])


def images(seed: int) -> list[tuple[Array, Array]]:
    """Truth and prediction of five images, with 1 to 5000 pixels."""
    rng = np.random.default_rng(seed)
    sizes = (1, 7, 300, 5000, 40)
    truths = [rng.uniform(0.3, 12, size).astype(np.float32) for size in sizes]
    return [(true, true * rng.lognormal(0.2, 0.3, true.size)) for true in truths]


def joined(pairs: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    return np.concatenate([t for t, _ in pairs]), np.concatenate([p for _, p in pairs])


@pytest.mark.parametrize("seed", range(5))
def test_pooled_is_as_if_all_pixels_were_one_image(seed: int) -> None:
    pool = PooledMetrics()
    for true, pred in images(seed):
        pool.add(true, pred)
    true, pred = joined(images(seed))
    assert pool.pixels == true.size
    assert pool.metrics() == pytest.approx(depth_metrics(true, pred), rel=1e-12)
    assert pool.metrics() != pytest.approx(
        mean_over_images([depth_metrics(t, p) for t, p in images(seed)]), rel=1e-3
    )


def test_images_of_other_collectors_merge_to_the_same_bits() -> None:
    rng = np.random.default_rng(7)
    images = [rng.uniform(0.5, 9, (2, 100 + number)) for number in range(20)]
    pooled, bins = PooledMetrics(), BinnedMetrics((0, 2, 5, 10))
    merged_pool, merged_bins = PooledMetrics(), BinnedMetrics((0, 2, 5, 10))
    for true, pred in images:
        of_one = PooledMetrics(), BinnedMetrics((0, 2, 5, 10))
        for collector in (pooled, bins, *of_one):
            collector.add(true, pred)
        merged_pool.merge(of_one[0].sums())
        merged_bins.merge(of_one[1].sums())
    assert (merged_pool.pixels, merged_pool.metrics()) == (pooled.pixels, pooled.metrics())
    assert merged_bins.bins() == bins.bins()


def test_pooled_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        PooledMetrics().metrics()


@pytest.mark.parametrize("seed", range(5))
def test_a_bin_is_the_pixels_whose_truth_lies_in_it(seed: int) -> None:
    binned = BinnedMetrics([1, 2.5, 10, 50, 60])
    for true, pred in images(seed):
        binned.add(true, pred)
    true, pred = joined(images(seed))
    near, middle, far, empty = binned.bins()
    for found, low, high in ((near, 1, 2.5), (middle, 2.5, 10), (far, 10, 50)):
        inside = (true >= low) & (true < high)
        assert (found.near_m, found.far_m, found.pixels) == (low, high, inside.sum())
        assert found.metrics == pytest.approx(depth_metrics(true[inside], pred[inside]), rel=1e-12)
    assert empty == DistanceBin(50, 60, 0, None)


def test_a_bin_has_its_near_edge_and_not_its_far_one() -> None:
    binned = BinnedMetrics([1, 2, 3])
    binned.add(np.array([0.99, 1.0, 2.0, 2.0, 3.0]), np.ones(5))
    assert [found.pixels for found in binned.bins()] == [1, 2]


@pytest.mark.parametrize("edges", [[], [1.0], [1.0, 1.0], [2.0, 1.0], [1.0, math.nan]])
def test_edges_that_do_not_rise_are_refused(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="ascending edges"):
        BinnedMetrics(edges)


def sample(depth_m: Array, valid: Array) -> Sample:
    rgb = np.zeros((*depth_m.shape, 3), np.uint8)
    return Sample("frame", rgb, depth_m.astype(np.float32), valid.astype(bool))


def test_evaluation_looks_at_valid_pixels_only() -> None:
    depth_m = np.array([[2.0, 4.0]])
    rows = evaluate(
        lambda rgb: np.array([[3.0, 99.0]], np.float32),
        [sample(depth_m, np.array([[1, 0]]))],
        DATASETS["nyuv2"],
    )
    assert [row["abs_rel"] for row in rows] == pytest.approx([0.5])


def test_evaluation_hands_the_same_pixels_to_collectors() -> None:
    depth_m = np.array([[2.0, 4.0]])
    pool, binned = PooledMetrics(), BinnedMetrics([0, 3, 9])
    rows = evaluate(
        lambda rgb: np.array([[3.0, 99.0]], np.float32),
        [sample(depth_m, np.array([[1, 0]])), sample(depth_m, np.array([[0, 1]]))],
        DATASETS["nyuv2"],
        collectors=(pool, binned),
    )
    # 99 m counts as 10 m.
    assert pool.metrics()["abs_rel"] == pytest.approx((0.5 + 1.5) / 2)
    assert [found.metrics for found in binned.bins()] == rows


def test_evaluation_clips_to_the_datasets_range() -> None:
    depth_m, valid = np.array([[8.0, 0.5]]), np.ones((1, 2))
    rows = evaluate(
        lambda rgb: np.array([[50.0, -1.0]], np.float32),
        [sample(depth_m, valid)],
        DATASETS["nyuv2"],
    )
    # 50 m counts as 10 m, -1 m as 1 mm.
    assert rows[0]["abs_rel"] == pytest.approx((2 / 8 + 0.499 / 0.5) / 2)


def test_evaluation_leaves_out_images_without_a_valid_pixel() -> None:
    blind = sample(np.ones((2, 2)), np.zeros((2, 2)))
    assert evaluate(lambda rgb: np.ones((2, 2), np.float32), [blind], DATASETS["nyuv2"]) == []


def test_a_keras_model_predicts_at_the_images_size() -> None:
    pixels = keras.Input((4, 6, 3))
    depth = layers.Conv2D(1, 1, strides=2)
    model = keras.Model(pixels, depth(pixels))
    depth.set_weights([np.array([0.01, 0, 0]).reshape(1, 1, 3, 1), np.array([1.0])])
    rgb = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    red = cv2.resize(rgb, (6, 4), interpolation=cv2.INTER_AREA)[::2, ::2, 0]
    expected = cv2.resize(0.01 * red.astype(np.float32) + 1, (24, 16))
    np.testing.assert_allclose(keras_predictor(model)(rgb), expected, rtol=1e-5)
