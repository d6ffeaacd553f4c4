"""The metrics against other people's code, on random depths and on NYU Depth V2.

depth-tools, a package for depth maps, computes rmse, rmse_log and delta1 to delta3. It lacks the
other four; they are put together from statistics that Keras and SciPy have under other names:
abs_rel is a mean absolute percentage error, sq_rel Pearson's chi-square per pixel, silog the log of
a geometric standard deviation, log10 that of a geometric mean. What is averaged is theirs; that
these are the field's definitions of the four is our word, here as in `tfl_depth.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import cv2
import depth_tools
import keras
import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from tests.support.real_data import real_data
from tfl_depth.data import Sample, open_split
from tfl_depth.metrics import METRICS, PooledMetrics, depth_metrics, mean_over_images

Array = npt.NDArray[Any]


def independent_metrics(true: Array, pred: Array, valid: Array) -> dict[str, float]:
    """All metrics of the valid pixels, none by our own code; float64 of one shape, bool."""
    masked = {"gt": true, "pred": pred, "mask": valid, "verify_args": True}
    t, p = true[valid], pred[valid]
    metrics = {
        "abs_rel": keras.losses.mean_absolute_percentage_error(t, p) / 100,
        "sq_rel": stats.chisquare(p, t, sum_check=False).statistic / t.size,
        "rmse": np.sqrt(depth_tools.mse_loss(**masked)),
        "rmse_log": np.sqrt(depth_tools.mse_log_loss(**masked)),
        "log10": np.log10(stats.gmean(np.maximum(p / t, t / p))),
        "silog": 100 * np.log(stats.gstd(p / t, ddof=0)),
        **{f"delta{k}": depth_tools.dx_loss(**masked, x=k) for k in (1, 2, 3)},
    }
    return {name: float(value) for name, value in metrics.items()}


def assert_both_agree(true: Array, pred: Array, valid: Array) -> None:
    """Compare per image, averaged over images, and pooled; (n, H, W) each."""
    ours, theirs, pool = [], [], PooledMetrics()
    for t, p, v in zip(true, pred, valid, strict=True):
        ours.append(depth_metrics(t[v], p[v]))
        theirs.append(independent_metrics(t, p, v))
        assert ours[-1] == pytest.approx(theirs[-1], rel=1e-9)
        pool.add(t[v], p[v])
    assert set(theirs[0]) == set(METRICS)
    means = {name: np.mean([row[name] for row in theirs]) for name in METRICS}
    assert mean_over_images(ours) == pytest.approx(means, rel=1e-9)
    assert pool.metrics() == pytest.approx(independent_metrics(true, pred, valid), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [0.01, 0.3, 1.5])
def test_random_depths(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    true = rng.uniform(0.3, 80, (4, 30, 40))
    pred = true * rng.lognormal(0.1, spread, true.shape)
    valid = rng.random(true.shape) < rng.uniform(0.05, 1, (4, 1, 1))
    true[~valid] = 0
    assert_both_agree(true, pred, valid)


def test_a_ratio_of_exactly_a_power_of_1_25_is_outside_for_both() -> None:
    true, pred = np.ones((1, 1, 3)), 1.25 ** np.array([[[1.0, 2.0, 3.0]]])
    assert_both_agree(true, pred, np.ones(true.shape, bool))
    assert_both_agree(pred, true, np.ones(true.shape, bool))


@pytest.fixture(scope="module")
def nyu() -> list[Sample]:
    """Every 20th validation image, so that of many scenes."""
    return list(islice(open_split("nyuv2", real_data("nyuv2"), "val"), 0, None, 20))


def shifted(depth_m: Array) -> Array:
    return np.roll(depth_m, 6, axis=1)


def blurred(depth_m: Array) -> Array:
    return 1.07 * cv2.GaussianBlur(depth_m, (0, 0), 5)


@pytest.mark.parametrize("spoil", [shifted, blurred])
def test_spoilt_truth_of_nyu_within_the_eigen_crop(
    nyu: list[Sample], spoil: Callable[[Array], Array]
) -> None:
    true = np.stack([sample.depth_m for sample in nyu]).astype(np.float64)
    pred = np.clip([spoil(depth_m) for depth_m in true], 1e-3, 10)
    assert_both_agree(true, pred, np.stack([sample.valid for sample in nyu]))
