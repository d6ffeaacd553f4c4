"""The effect of leaving a resize after the head to the runtime."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Depth = npt.NDArray[np.floating]


@dataclass(frozen=True)
class ResizeDifference:
    """Difference of a network's own resized depth from the runtime's, over all pixels.

    Attributes:
        median_mm, p95_mm, max_mm: of the absolute difference.
    """

    median_mm: float
    p95_mm: float
    max_mm: float


def resize_difference(pairs_m: Iterable[tuple[Depth, Depth]]) -> ResizeDifference:
    """Compare depth that the network resizes with depth that the runtime resizes.

    Args:
        pairs_m: for each photo, the network's output (H, W) and its map before the resize (h, w),
            both in meters.
    """
    found = []
    for full_m, small_m in pairs_m:
        size = full_m.shape[1], full_m.shape[0]
        ours_m = cv2.resize(np.asarray(small_m, np.float32), size, interpolation=cv2.INTER_LINEAR)
        found.append(1000 * np.abs(ours_m - full_m).ravel())
    differences = np.concatenate(found)
    median, p95 = np.percentile(differences, [50, 95])
    return ResizeDifference(float(median), float(p95), float(differences.max()))
