"""The difference of two networks' depth, over all pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.depth_difference import DepthDifference
from tfl_depth.encoding import Spans

# In meters: a lower limit, so that a share of the depth is finite.
LEAST_DEPTH_M = 1e-3

Grid = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DepthDeviation(DepthDifference):
    """The absolute difference of a network's depth from the expected depth.

    Attributes:
        median_share, p95_share: of the difference as a share of the expected depth.
        wrap_share: share of the pixels that differ by more than half a span, 0 to 1.
    """

    median_share: float
    p95_share: float
    wrap_share: float

    @classmethod
    def measured(
        cls, expected: Sequence[Grid], found: Sequence[Grid], spans: Spans
    ) -> DepthDeviation:
        """Compare grids (h, w), in meters, of the same images.

        Args:
            expected: is clipped to the range of the spans.
            found: of the same shapes.
            spans: of the output.
        """
        least = max(spans.edges_m[0], LEAST_DEPTH_M)
        depth_m = np.clip(np.stack(list(expected)), least, spans.max_depth_m)
        found_m = np.stack(list(found))
        deviation_m = np.abs(found_m - depth_m)
        share = deviation_m / depth_m
        place, _ = spans.locate(depth_m.astype(np.float64))
        half_span_m = np.asarray(spans.widths_m)[place] / 2
        return cls(
            **asdict(DepthDifference.between(1000 * depth_m, 1000 * found_m)),
            median_share=float(np.median(share)),
            p95_share=float(np.percentile(share, 95)),
            wrap_share=float((deviation_m > half_span_m).mean()),
        )


def median_mm(expected: Sequence[Grid], found: Sequence[Grid]) -> float:
    """The median absolute difference over all pixels, in millimeters."""
    return DepthDifference.between(
        1000 * np.stack(list(expected)), 1000 * np.stack(list(found))
    ).median_mm
