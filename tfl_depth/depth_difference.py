"""The difference of two depth maps, in millimeters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Depths = npt.NDArray[Any] | Sequence[npt.NDArray[Any]]


@dataclass(frozen=True)
class DepthDifference:
    """The absolute difference of two depth maps over all pixels.

    Attributes:
        median_mm, mean_mm, p95_mm, max_mm: in millimeters, 0 or more.
    """

    median_mm: float
    mean_mm: float
    p95_mm: float
    max_mm: float

    @classmethod
    def between(cls, a_mm: Depths, b_mm: Depths) -> DepthDifference:
        """Compare depth maps.

        Args:
            a_mm: one array of any shape, or one array (H, W) for each image; millimeters.
            b_mm: the same shapes; millimeters.

        Raises:
            ValueError: the shapes differ, or there is no pixel.
        """
        a, b = np.asarray(a_mm, np.float64), np.asarray(b_mm, np.float64)
        if a.shape != b.shape or not a.size:
            raise ValueError(f"Expected depth maps of one shape, got {a.shape} and {b.shape}.")
        difference_mm = np.abs(a - b)
        median, p95, largest = np.percentile(difference_mm, [50, 95, 100])
        return cls(float(median), float(difference_mm.mean()), float(p95), float(largest))
