"""The curve depth = g(y), sampled over the interval of y."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.head.bracket import used_interval
from tfl_depth.converters.head.depth_function import Function, Values
from tfl_depth.encoding import CODES
from tfl_depth.errors import ConversionError

# Largest difference of depth between two samples, as a share of the range.
_GAP = 1 / 4096
_FIRST = 513
_ROUNDS = 24
# Largest error of a straight line, and largest fall because of float32, as shares of the range.
_STRAIGHT, _NOISE = 1e-5, 1e-5
# Each span then has 17 codes, so that the two tensors can check each other.
MOST_SPANS = 15


@dataclass(frozen=True)
class Curve:
    """A monotone function from y to depth in meters.

    Attributes:
        function: from y to meters.
        y: (n,) samples of the interval, in the order of ascending depth.
        depth_m: (n,) depth at the samples, ascending. The function approaches the first and last
            value.
        line: (slope, offset) if depth = slope * y + offset; else None.
    """

    function: Function
    y: Values
    depth_m: Values
    line: tuple[float, float] | None

    @property
    def ends_m(self) -> tuple[float, float]:
        """Least and greatest depth of the network."""
        return float(self.depth_m[0]), float(self.depth_m[-1])

    def depth(self, y: Values) -> Values:
        """Return depth in meters, clipped to the ends, as an ideal decoder would."""
        return np.clip(self.function(np.asarray(y, np.float64)), *self.ends_m)

    def y_at(self, depth_m: Values) -> Values:
        """Return the values of y for depths between the ends."""
        if self.line is not None:
            return (np.asarray(depth_m) - self.line[1]) / self.line[0]
        return np.interp(depth_m, self.depth_m, self.y)


def usual_count(range_m: tuple[float, float]) -> int:
    """Return the number of spans for a range of depth: one for each meter, at most 15."""
    return min(max(math.ceil(range_m[1] - range_m[0] - 1e-6), 1), MOST_SPANS)


def measure_curve(
    function: Function,
    seen: tuple[float, float],
    range_m: tuple[float, float],
    *,
    count: int | None = None,
) -> Curve:
    """Sample depth as a function of y, on the interval of y that covers a range of depth.

    Args:
        function: depth in meters of y (see `depth_function`).
        seen: limits of (nearly) all values of y in photos.
        range_m: least and greatest depth to cover.
        count: number of spans; None: the usual number. If depth only approaches an end of the
            range, the last half step of such a span is omitted.

    Raises:
        ConversionError: the photos' depth is not in the range, is constant, or rises and falls.
    """
    slack_m = (range_m[1] - range_m[0]) / (count or usual_count(range_m)) / CODES / 2
    interval = used_interval(function, seen, range_m, slack_m)
    y, depth_m = _sampled(function, interval.low, interval.high, range_m)
    ends_m = interval.low_m, interval.high_m
    if not interval.rising:
        y, depth_m, ends_m = y[::-1], depth_m[::-1], ends_m[::-1]
    range_size = range_m[1] - range_m[0]
    if np.any(depth_m < np.maximum.accumulate(depth_m) - _NOISE * range_size):
        raise ConversionError(
            "Expected depth to rise or fall monotonically with the last convolution's output: "
            "convert with --head single."
        )
    line = _line(y, depth_m, range_size)
    depth_m = np.clip(np.maximum.accumulate(depth_m), *ends_m)
    depth_m[[0, -1]] = ends_m
    if line is not None:
        y[[0, -1]] = (depth_m[[0, -1]] - line[1]) / line[0]
    return Curve(function, y, depth_m, line)


def _sampled(
    function: Function, low: float, high: float, range_m: tuple[float, float]
) -> tuple[Values, Values]:
    """Choose samples that are close enough in depth."""
    y = np.linspace(low, high, _FIRST)
    depth_m = function(y)
    for _ in range(_ROUNDS):
        wide = np.flatnonzero(np.abs(np.diff(depth_m)) > _GAP * (range_m[1] - range_m[0]))
        middle = (y[wide] + y[wide + 1]) / 2
        if wide.size == 0:
            break
        y = np.insert(y, wide + 1, middle)
        depth_m = np.insert(depth_m, wide + 1, function(middle))
    return y, depth_m


def _line(y: Values, depth_m: Values, range_size: float) -> tuple[float, float] | None:
    """Return the straight line through the samples, if they lie on one."""
    slope = (depth_m[-1] - depth_m[0]) / (y[-1] - y[0])
    offset = float(np.mean(depth_m - slope * y))
    if np.max(np.abs(slope * y + offset - depth_m)) > _STRAIGHT * range_size:
        return None
    return float(slope), offset if abs(offset) > 1e-9 * range_size else 0.0
