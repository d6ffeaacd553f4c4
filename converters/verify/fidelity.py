"""The difference of the finished file's depth from the source network's, in millimeters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.converters.representative import read_pixels
from tfl_depth.depth_difference import DepthDifference
from tfl_depth.encoding import Spans
from tfl_depth.runtime import DepthRunner

# Depth (h, w) in meters, not clipped, of pixels (H, W, 3) uint8 RGB.
Reference = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Fidelity:
    """Difference of the converted model from its source network, over all pixels.

    The source's depth is not clipped, so depth outside the range counts with its whole difference.

    Attributes:
        images: number of compared images; none of them was used for calibration.
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

    The file runs in a separate process, since a wrong file can crash the interpreter.

    Args:
        file: the .tflite, with its contract.
        reference: the source network.
        photos: that were not used for calibration.
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
    """Resize bilinearly to the source's size if it has more pixels."""
    if depth_m.shape == size:
        return depth_m
    return np.asarray(cv2.resize(depth_m, size[::-1], interpolation=cv2.INTER_LINEAR))


def _fidelity(found: Any, expected: Any, spans: Spans) -> Fidelity:
    near, far = spans.edges_m[0], spans.max_depth_m
    difference = DepthDifference.between(1000 * found, 1000 * expected)
    inside = (expected >= near) & (expected <= far)
    n, _ = spans.locate(expected)
    half_span_m = np.asarray(spans.widths_m)[n] / 2
    p5, median, p95 = np.percentile(expected, [5, 50, 95])
    return Fidelity(
        images=len(expected),
        **{name: round(value_mm, 2) for name, value_mm in asdict(difference).items()},
        wrap_share=float(np.mean(inside & (np.abs(found - expected) > half_span_m))),
        below_share=float(np.mean(expected < near)),
        above_share=float(np.mean(expected > far)),
        depth_p5_m=float(p5),
        depth_median_m=float(median),
        depth_p95_m=float(p95),
    )
