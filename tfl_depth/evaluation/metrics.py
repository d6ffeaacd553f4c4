"""The field's metrics of metric depth, unaligned: per image, pooled over pixels, by distance.

Definitions: D. Eigen, C. Puhrsch and R. Fergus, "Depth Map Prediction from a Single Image using a
Multi-Scale Deep Network" (NIPS 2014); silog is its scale-invariant log error, as a root, x 100.

All are computed from sums over pixels, so only one image is in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "METRICS",
    "BinnedMetrics",
    "DistanceBin",
    "PixelSums",
    "PooledMetrics",
    "depth_metrics",
    "mean_over_images",
]

METRICS = (
    "abs_rel",
    "sq_rel",
    "rmse",
    "rmse_log",
    "log10",
    "silog",
    "delta1",
    "delta2",
    "delta3",
)

_Depths = npt.NDArray[np.floating]
_Sums = npt.NDArray[np.float64]


def depth_metrics(depth_true_m: _Depths, depth_pred_m: _Depths) -> dict[str, float]:
    """Compare one image's depths.

    Args:
        depth_true_m: (n,) meters, positive: the valid pixels' ground truth.
        depth_pred_m: (n,) meters, positive: the prediction at the same pixels.

    Returns:
        A value for each of `METRICS`. abs_rel, log10, rmse_log and delta1-3 (shares, 0 to 1) have
        no unit; sq_rel and rmse are in meters.

    Raises:
        ValueError: no pixel, different shapes, or a depth that is not positive and finite.
    """
    true, pred = _checked(depth_true_m, depth_pred_m)
    return _from_means(_terms(true, pred).mean(axis=1))


def mean_over_images(per_image: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over images. All images have the same weight.

    Raises:
        ValueError: no image.
    """
    if not per_image:
        raise ValueError("Expected the metrics of at least one image.")
    return {name: float(np.mean([row[name] for row in per_image])) for name in METRICS}


@dataclass(frozen=True)
class PixelSums:
    """Sums over pixels, which metrics are made of.

    Attributes:
        pixels: how many there are.
        sums: of each term of the metrics.
    """

    pixels: int
    sums: tuple[float, ...]


class PooledMetrics:
    """The metrics over the pixels of all images. All pixels have the same weight.

    Attributes:
        pixels: how many were added.
    """

    def __init__(self) -> None:
        self.pixels = 0
        self._sums: _Sums = np.zeros(9)

    def __repr__(self) -> str:
        return f"<PooledMetrics of {self.pixels} pixels>"

    def add(self, depth_true_m: _Depths, depth_pred_m: _Depths) -> None:
        """Add an image's valid pixels: (n,) meters each, as `depth_metrics` takes them.

        Raises:
            ValueError: as `depth_metrics`; nothing was added.
        """
        self._add_checked(*_checked(depth_true_m, depth_pred_m))

    def sums(self) -> PixelSums:
        """What was added, for `merge`."""
        return PixelSums(self.pixels, tuple(self._sums.tolist()))

    def merge(self, sums: PixelSums) -> None:
        """Add what another collector has; images one by one give the same as `add`, bit for bit."""
        self.pixels += sums.pixels
        self._sums += sums.sums

    def metrics(self) -> dict[str, float]:
        """A value for each of `METRICS`, in the units of `depth_metrics`.

        Raises:
            ValueError: nothing was added.
        """
        if not self.pixels:
            raise ValueError("Expected at least one pixel.")
        return _from_means(self._sums / self.pixels)

    def _add_checked(self, true: _Sums, pred: _Sums) -> None:
        self.pixels += true.size
        self._sums += _terms(true, pred).sum(axis=1)


@dataclass(frozen=True)
class DistanceBin:
    """The pixels with a ground truth of at least near_m and less than far_m.

    Attributes:
        near_m, far_m: meters.
        pixels: how many there are.
        metrics: of these pixels, as in `depth_metrics`; None without a pixel.
    """

    near_m: float
    far_m: float
    pixels: int
    metrics: dict[str, float] | None


class BinnedMetrics:
    """The pooled metrics of each range of true distance.

    Args:
        edges_m: (bins + 1,) meters, ascending. Pixels outside of them do not count.

    Raises:
        ValueError: fewer than two edges, or not ascending.
    """

    def __init__(self, edges_m: Sequence[float]) -> None:
        if len(edges_m) < 2 or not np.all(np.diff(edges_m) > 0):
            raise ValueError(f"Expected two or more ascending edges in meters, got {[*edges_m]}.")
        self._edges_m = [float(edge) for edge in edges_m]
        self._pools = [PooledMetrics() for _ in self._edges_m[1:]]

    def __repr__(self) -> str:
        edges = ", ".join(f"{edge:g}" for edge in self._edges_m)
        return f"<BinnedMetrics at {edges} m, of {sum(each.pixels for each in self._pools)} pixels>"

    def add(self, depth_true_m: _Depths, depth_pred_m: _Depths) -> None:
        """Add an image's valid pixels: (n,) meters each, as `depth_metrics` takes them.

        Raises:
            ValueError: as `depth_metrics`; nothing was added.
        """
        true, pred = _checked(depth_true_m, depth_pred_m)
        places = np.digitize(true, self._edges_m) - 1
        for place, pool in enumerate(self._pools):
            pool._add_checked(true[places == place], pred[places == place])

    def sums(self) -> tuple[PixelSums, ...]:
        """What was added to each bin, for `merge`."""
        return tuple(pool.sums() for pool in self._pools)

    def merge(self, sums: Sequence[PixelSums]) -> None:
        """Add what another collector with the same edges has; see `PooledMetrics.merge`."""
        for pool, each in zip(self._pools, sums, strict=True):
            pool.merge(each)

    def bins(self) -> list[DistanceBin]:
        """The bins from near to far."""
        return [
            DistanceBin(near_m, far_m, pool.pixels, pool.metrics() if pool.pixels else None)
            for near_m, far_m, pool in zip(
                self._edges_m[:-1], self._edges_m[1:], self._pools, strict=True
            )
        ]


def _checked(depth_true_m: _Depths, depth_pred_m: _Depths) -> tuple[_Sums, _Sums]:
    true, pred = np.asarray(depth_true_m, np.float64), np.asarray(depth_pred_m, np.float64)
    if true.shape != pred.shape or true.size == 0:
        raise ValueError(
            f"Expected as many predictions as truths, got {pred.shape} and {true.shape}."
        )
    if not (np.isfinite(true).all() and np.isfinite(pred).all()):
        raise ValueError("Expected finite depths.")
    if true.min() <= 0 or pred.min() <= 0:
        raise ValueError("Expected positive depths, in meters.")
    return true.ravel(), pred.ravel()


def _terms(true: _Sums, pred: _Sums) -> _Sums:
    """(9, n): the values to average over pixels, in the order that `_from_means` expects."""
    error = pred - true
    log_error = np.log(pred) - np.log(true)
    ratio = np.maximum(pred / true, true / pred)
    return np.stack(
        [
            np.abs(error) / true,
            error**2 / true,
            error**2,
            log_error**2,
            np.abs(log_error),
            log_error,
            ratio < 1.25,
            ratio < 1.25**2,
            ratio < 1.25**3,
        ]
    )


def _from_means(means: _Sums) -> dict[str, float]:
    abs_rel, sq_rel, square, log_square, log_abs, log, delta1, delta2, delta3 = map(float, means)
    # By rounding, the variance of a constant log error may be below zero.
    log_variance = max(0.0, log_square - log**2)
    return {
        "abs_rel": abs_rel,
        "sq_rel": sq_rel,
        "rmse": square**0.5,
        "rmse_log": log_square**0.5,
        "log10": log_abs / float(np.log(10)),
        "silog": 100 * log_variance**0.5,
        "delta1": delta1,
        "delta2": delta2,
        "delta3": delta3,
    }
