"""What the conversion costs: the finished file against the source network, in millimeters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.converters.representative import read_pixels
from tfl_depth.encoding import Spans
from tfl_depth.runtime import DepthRunner

# Depth (h, w) in meters, not clipped, of pixels (H, W, 3) uint8 RGB.
Reference = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Fidelity:
    """Deviation of the converted model from the network that it came from, over all pixels.

    The source's depth is not clipped: what lies outside the range counts with its whole distance.

    Attributes:
        images: that were compared; none of them was used to calibrate.
        median_mm, mean_mm, p95_mm, max_mm: of the absolute difference.
        wrap_share: of pixels within the range that differ by more than half a span, 0 to 1.
        below_share, above_share: of pixels whose FP32 depth is outside the range, 0 to 1.
        depth_p5_m, depth_median_m, depth_p95_m: of the source's depth, in meters.
    """

    images: int
    median_mm: float
    mean_mm: float
    p95_mm: float
    max_mm: float
    wrap_share: float
    below_share: float
    above_share: float
    depth_p5_m: float
    depth_median_m: float
    depth_p95_m: float

    @property
    def outside_share(self) -> float:
        """Of pixels whose FP32 depth is outside the range."""
        return self.below_share + self.above_share


def measure_fidelity(
    file: Path, reference: Reference, photos: Iterable[Path], spans: Spans
) -> Fidelity:
    """Run the finished file and the source network on the same photos.

    The file runs in a process of its own, since a wrong one can end the interpreter's.

    Args:
        file: the .tflite, with its contract.
        reference: the source network.
        photos: that were not used to calibrate.
        spans: of the contract.
    """
    found, expected = [], []
    with DepthRunner(file, isolate=True) as runner:
        for path in photos:
            pixels = read_pixels(path, runner.model_size, runner.fit)
            depth_m = runner.infer(pixels, size="model", channels="rgb") / 1000.0
            expected.append(reference(pixels))
            found.append(_at_size(depth_m, expected[-1].shape))
    return _fidelity(np.stack(found), np.stack(expected), spans)


def _at_size(depth_m: npt.NDArray[Any], size: tuple[int, ...]) -> npt.NDArray[Any]:
    """Enlarged bilinearly where the source gives more pixels than the file's grid has."""
    if depth_m.shape == size:
        return depth_m
    return np.asarray(cv2.resize(depth_m, size[::-1], interpolation=cv2.INTER_LINEAR))


def _fidelity(found: Any, expected: Any, spans: Spans) -> Fidelity:
    near, far = spans.edges_m[0], spans.max_depth_m
    difference_mm = 1000 * np.abs(found - expected)
    inside = (expected >= near) & (expected <= far)
    n, _ = spans.locate(expected)
    half_span_mm = 500 * np.asarray(spans.widths_m)[n]
    p5, median, p95 = np.percentile(expected, [5, 50, 95])
    return Fidelity(
        images=len(expected),
        median_mm=_rounded(np.median(difference_mm)),
        mean_mm=_rounded(np.mean(difference_mm)),
        p95_mm=_rounded(np.percentile(difference_mm, 95)),
        max_mm=_rounded(np.max(difference_mm)),
        wrap_share=float(np.mean(inside & (difference_mm > half_span_mm))),
        below_share=float(np.mean(expected < near)),
        above_share=float(np.mean(expected > far)),
        depth_p5_m=float(p5),
        depth_median_m=float(median),
        depth_p95_m=float(p95),
    )


def _rounded(value_mm: Any) -> float:
    return round(float(value_mm), 2)
