"""How far one network's depth lies from another's, over all pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import Spans

# Meters, so that a share of the depth is finite.
LEAST_DEPTH_M = 1e-3

Grid = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DepthDeviation:
    """The absolute difference of two depths.

    Attributes:
        median_mm, mean_mm, p95_mm, max_mm: in millimeters.
        median_share, p95_share: as a share of the expected depth.
        wrap_share: of the pixels that differ by more than half a span.
    """

    median_mm: float
    mean_mm: float
    p95_mm: float
    max_mm: float
    median_share: float
    p95_share: float
    wrap_share: float

    @classmethod
    def between(
        cls, expected: Sequence[Grid], found: Sequence[Grid], spans: Spans
    ) -> DepthDeviation:
        """Compare grids (h, w), in meters, of the same images.

        Args:
            expected: is cut to the range of the spans.
            found: of the same shapes.
            spans: that the output codes.
        """
        least = max(spans.edges_m[0], LEAST_DEPTH_M)
        depth_m = np.clip(np.stack(list(expected)), least, spans.max_depth_m)
        deviation_m = np.abs(np.stack(list(found)) - depth_m)
        share = deviation_m / depth_m
        place, _ = spans.locate(depth_m.astype(np.float64))
        half_span_m = np.asarray(spans.widths_m)[place] / 2
        return cls(
            median_mm=1000 * float(np.median(deviation_m)),
            mean_mm=1000 * float(deviation_m.mean(dtype=np.float64)),
            p95_mm=1000 * float(np.percentile(deviation_m, 95)),
            max_mm=1000 * float(deviation_m.max()),
            median_share=float(np.median(share)),
            p95_share=float(np.percentile(share, 95)),
            wrap_share=float((deviation_m > half_span_m).mean()),
        )


def median_mm(expected: Sequence[Grid], found: Sequence[Grid]) -> float:
    """The median absolute difference over all pixels, in millimeters."""
    return 1000 * float(np.median(np.abs(np.stack(list(expected)) - np.stack(list(found)))))
