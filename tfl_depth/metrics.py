"""The field's metrics of metric depth: unaligned, per image, then the mean over images.

Definitions: D. Eigen, C. Puhrsch and R. Fergus, "Depth Map Prediction from a Single Image using a
Multi-Scale Deep Network" (NIPS 2014); silog is its scale-invariant log error, as a root, x 100.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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


def depth_metrics(
    depth_true_m: npt.NDArray[np.floating], depth_pred_m: npt.NDArray[np.floating]
) -> dict[str, float]:
    """Compare one image's depths.

    Args:
        depth_true_m: (n,) metres, positive: the valid pixels' ground truth.
        depth_pred_m: (n,) metres, positive: the prediction at the same pixels.

    Returns:
        A value for each of `METRICS`. abs_rel, log10, rmse_log and delta1-3 (shares, 0 to 1) have
        no unit; sq_rel and rmse are in metres.

    Raises:
        ValueError: no pixel, different shapes, or a depth that is not positive and finite.
    """
    true, pred = np.asarray(depth_true_m, np.float64), np.asarray(depth_pred_m, np.float64)
    if true.shape != pred.shape or true.size == 0:
        raise ValueError(
            f"Expected as many predictions as truths, got {pred.shape} and {true.shape}."
        )
    if not (np.isfinite(true).all() and np.isfinite(pred).all()):
        raise ValueError("Expected finite depths.")
    if true.min() <= 0 or pred.min() <= 0:
        raise ValueError("Expected positive depths, in metres.")
    error = pred - true
    log_error = np.log(pred) - np.log(true)
    ratio = np.maximum(pred / true, true / pred)
    return {
        "abs_rel": float(np.mean(np.abs(error) / true)),
        "sq_rel": float(np.mean(error**2 / true)),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "rmse_log": float(np.sqrt(np.mean(log_error**2))),
        "log10": float(np.mean(np.abs(log_error)) / np.log(10)),
        "silog": float(100 * np.std(log_error)),
        "delta1": float(np.mean(ratio < 1.25)),
        "delta2": float(np.mean(ratio < 1.25**2)),
        "delta3": float(np.mean(ratio < 1.25**3)),
    }


def mean_over_images(per_image: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each metric over images, every image counting alike."""
    return {name: float(np.mean([row[name] for row in per_image])) for name in METRICS}
