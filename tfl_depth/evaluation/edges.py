"""The position of edges in depth: distances between predicted and true edges.

After the depth boundary errors of T. Koch, L. Liebel, F. Fraundorfer and M. Koerner, "Evaluation of
CNN-based Single-Image Depth Estimation Methods" (ECCV Workshops 2018). Accuracy is the mean
distance from a predicted edge to the nearest true one. Completeness is the mean distance from a
true edge to the nearest predicted one. Here both distances are at most 10 pixels. Edges are steps
of the logarithm of depth, so that the same relative step is an edge at every distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["FARTHEST_PX", "EdgeDistances", "EdgeErrors", "EdgeMetrics", "depth_edges"]

# The largest distance, also for edges without a counterpart.
FARTHEST_PX = 10.0
# Standard deviation of the smoothing before the gradient, for images 640 pixels wide.
SMOOTHING_PX = 2.0
SMOOTHING_WIDTH_PX = 640
# Changes of log depth over twice the smoothing, the thresholds of the Canny detector: an edge has a
# pixel above the first, and all its pixels are above the second.
EDGE_STEP, EDGE_END = 0.06, 0.03
_FINENESS = 1000.0
_LEAST_DEPTH_M = 1e-3

_Depth = npt.NDArray[np.float32]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class EdgeMetrics:
    """Mean over images.

    Attributes:
        accuracy_px: from predicted edges to true ones, 0 to 10; None without a predicted edge.
        completeness_px: from true edges to predicted ones, 0 to 10.
        images: number of images with a true edge.
    """

    accuracy_px: float | None
    completeness_px: float
    images: int


@dataclass(frozen=True)
class EdgeDistances:
    """The mean distances of images, as in `EdgeMetrics`.

    Attributes:
        accuracy_px: of each image with a true and a predicted edge.
        completeness_px: of each image with a true edge.
    """

    accuracy_px: tuple[float, ...]
    completeness_px: tuple[float, ...]


class EdgeErrors:
    """Collects the edge errors of images."""

    def __init__(self) -> None:
        self._accuracy: list[float] = []
        self._completeness: list[float] = []

    def add(self, depth_true_m: _Depth, depth_pred_m: _Depth, valid: _Mask) -> None:
        """Add an image. It does not count without a true edge.

        Args:
            depth_true_m: (H, W) meters.
            depth_pred_m: (H, W) meters, positive where `valid`.
            valid: (H, W), where the truth counts. Edges at its border do not count.
        """
        counted = _inside(valid)
        true = depth_edges(depth_true_m, valid) & counted
        if not true.any():
            return
        predicted = depth_edges(depth_pred_m, valid) & counted
        self._completeness.append(float(_distance_px(predicted)[true].mean()))
        if predicted.any():
            self._accuracy.append(float(_distance_px(true)[predicted].mean()))

    def distances(self) -> EdgeDistances:
        """What was added, for `merge`."""
        return EdgeDistances(tuple(self._accuracy), tuple(self._completeness))

    def merge(self, distances: EdgeDistances) -> None:
        """Add what another collector has."""
        self._accuracy += distances.accuracy_px
        self._completeness += distances.completeness_px

    def metrics(self) -> EdgeMetrics | None:
        """The errors; None if no image had a true edge."""
        if not self._completeness:
            return None
        return EdgeMetrics(
            float(np.mean(self._accuracy)) if self._accuracy else None,
            float(np.mean(self._completeness)),
            len(self._completeness),
        )


def depth_edges(depth_m: _Depth, valid: _Mask) -> _Mask:
    """Edges (H, W) of a depth map (H, W): thin lines by the Canny detector."""
    sigma = _smoothing_px(valid)
    log = np.log(np.where(valid, np.maximum(depth_m, _LEAST_DEPTH_M), 1)).astype(np.float32)
    smooth = cv2.GaussianBlur(log, (0, 0), sigma)
    # Sobel's kernel sums four differences over two pixels.
    per_step = sigma / 4 * _FINENESS
    right, down = (
        np.clip(cv2.Sobel(smooth, cv2.CV_32F, *axis) * per_step, -(2**15) + 1, 2**15 - 1)
        for axis in ((1, 0), (0, 1))
    )
    found = cv2.Canny(
        right.astype(np.int16),
        down.astype(np.int16),
        EDGE_END * _FINENESS,
        EDGE_STEP * _FINENESS,
        L2gradient=True,
    )
    return np.asarray(found > 0)


def _smoothing_px(valid: _Mask) -> float:
    width: int = valid.shape[1]
    return SMOOTHING_PX * width / SMOOTHING_WIDTH_PX


def _inside(valid: _Mask) -> _Mask:
    """Valid pixels whose smoothing has no pixel without truth."""
    reach = 2 * round(3 * _smoothing_px(valid)) + 1
    kernel = np.ones((reach, reach), np.uint8)
    return np.asarray(cv2.erode(valid.astype(np.uint8), kernel, borderValue=1) > 0)


def _distance_px(edges: _Mask) -> npt.NDArray[np.float32]:
    """Distance (H, W) to the nearest edge, at most FARTHEST_PX."""
    if not edges.any():
        return np.full(edges.shape, FARTHEST_PX, np.float32)
    distance = cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.minimum(distance, np.float32(FARTHEST_PX))
