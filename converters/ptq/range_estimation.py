"""Methods to choose the range of each feature map, which its int8 codes cover.

The range of the extremes clips no value. A narrower range clips the ends and has a finer step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Tensor
from tfl_depth.converters.ptq.statistics import Observed

Range = tuple[float, float]
Method = Callable[[Observed], Range]

CODES = 255
# Shares of each extreme to try.
SHARES = (1, 0.97, 0.94, 0.9, 0.86, 0.82, 0.78, 0.74, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4)
KL_SHARES = np.linspace(0.3, 1, 36)
BINS = 2048
TINY = 1e-30


def minmax(observed: Observed) -> Range:
    """The extremes."""
    return observed.low, observed.high


def percentile(share: float) -> Method:
    """Return the range that contains `share` percent of the values, centered by rank."""

    def method(observed: Observed) -> Range:
        low, high = np.percentile(observed.samples, [100 - share, share])
        return float(low), float(high)

    return method


def least_squares(observed: Observed) -> Range:
    """Return the range whose 255 steps have the least squared error."""
    low, high = min(observed.low, 0.0), max(observed.high, 0.0)
    counts, edges = np.histogram(observed.samples, BINS, (low, max(high, low + TINY)))
    centers = (edges[1:] + edges[:-1]) / 2
    lows = [low * share for share in SHARES] if low < 0 else [0.0]
    highs = [high * share for share in SHARES] if high > 0 else [0.0]
    candidates = [(a, b) for a in lows for b in highs]
    errors = [_squared_error(centers, counts, a, b) for a, b in candidates]
    return candidates[int(np.argmin(errors))]


def _squared_error(
    values: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], low: float, high: float
) -> float:
    step = max((high - low) / CODES, TINY)
    zero = np.rint(-low / step)
    levels = np.clip(np.rint(values / step) + zero, 0, CODES)
    return float((counts * np.square((levels - zero) * step - values)).sum())


def kl_divergence(observed: Observed) -> Range:
    """Return the range whose codes have the least KL divergence from the values.

    S. Migacz, "8-bit Inference with TensorRT" (GTC 2017): the divergence of the distribution of 255
    codes from the distribution that is clipped at the range's ends.
    """
    ranges = [(float(s * observed.low), float(s * observed.high)) for s in KL_SHARES]
    divergences = [_divergence(observed.samples, low, high) for low, high in ranges]
    return ranges[int(np.argmin(divergences))]


def _divergence(values: npt.NDArray[np.float32], low: float, high: float) -> float:
    if high <= low:
        return 0.0
    counts, _ = np.histogram(np.clip(values, low, high), BINS, (low, high))
    inside, _ = np.histogram(values, BINS, (low, high))
    code = np.arange(BINS) * CODES // BINS
    filled = inside > 0
    mass = np.bincount(code, inside, CODES) / np.maximum(np.bincount(code, filled, CODES), 1)
    p, q = counts / counts.sum(), np.where(filled, mass[code], 0)
    q = q / max(q.sum(), 1)
    known = (p > 0) & (q > 0)
    missed = p[(p > 0) & (q == 0)].sum()
    return float((p[known] * np.log(p[known] / q[known])).sum() + missed * np.log(BINS))


def estimate_ranges(observed: Mapping[Tensor, Observed], method: Method) -> dict[Tensor, Range]:
    """Choose the range of each tensor by one method. Zero is always inside."""
    found = {tensor: method(values) for tensor, values in observed.items()}
    return {tensor: (min(low, 0.0), max(high, 0.0)) for tensor, (low, high) in found.items()}
