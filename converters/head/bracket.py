"""The interval of y on which depth covers a range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.head.depth_function import Function, Values
from tfl_depth.errors import ConversionError

_POINTS = 513
# The first and the largest step of the search, in widths of the interval of the photos' values.
_NEAR, _FAR = 1e-4, 1e6
_ROUNDS = 12
# Share of the range by which a rising function may fall because of float32.
_NOISE = 1e-5
# A flat end is cut off if that makes the interval narrower by this share.
_WORTH = 0.02


@dataclass(frozen=True)
class Interval:
    """The interval of y.

    Attributes:
        low, high: its ends.
        low_m, high_m: depth that the function reaches, or approaches, at the ends.
    """

    low: float
    high: float
    low_m: float
    high_m: float

    @property
    def rising(self) -> bool:
        """Whether depth grows with y."""
        return self.high_m > self.low_m


def used_interval(
    function: Function, seen: tuple[float, float], range_m: tuple[float, float], slack_m: float
) -> Interval:
    """Find the interval of y on which depth covers a range, or the reachable part of it.

    Args:
        function: depth in meters of y.
        seen: limits of the photos' values of y. The search begins there.
        range_m: least and greatest depth.
        slack_m: distance from its end at which depth may stop if it only approaches the end, as
            after a sigmoid.

    Raises:
        ConversionError: the depth of photos is not in the range, is constant, or rises and falls.
    """
    grid = np.linspace(*seen, _POINTS)
    depth = function(grid)
    start = _start(grid, depth, range_m)
    width = max(seen[1] - seen[0], 1e-6 * abs(start), 1e-12)
    rising = _rises(function, start, width)
    noise_m = _NOISE * (range_m[1] - range_m[0])
    ends, tops = [], []
    for direction in (-width, width):
        outwards = 1.0 if (direction > 0) == rising else -1.0
        target_m = range_m[1] if outwards > 0 else range_m[0]

        def progress(steps: Values, way: float = direction, sign: float = outwards) -> Values:
            return sign * function(start + way * steps)

        found = _Search(progress, outwards * target_m, noise_m)
        ends.append(start + direction * _end(found, slack_m))
        # A depth close to the range's end counts as the end.
        tops.append(target_m if found.goal - found.top <= slack_m else outwards * found.top)
    interval = Interval(*ends, *tops)
    _expect_monotone(function, interval, grid, range_m)
    return interval


def _start(grid: Values, depth: Values, range_m: tuple[float, float]) -> float:
    """Choose a value of y from the photos whose depth is inside the range."""
    inside = np.flatnonzero(np.isfinite(depth) & (depth > range_m[0]) & (depth < range_m[1]))
    if inside.size == 0:
        finite = depth[np.isfinite(depth)]
        seen = f"{finite.min():g} to {finite.max():g} m" if finite.size else "no numbers"
        raise ConversionError(
            f"Expected depth between {range_m[0]:g} and {range_m[1]:g} m, got {seen}: check "
            "--max-depth and --unit."
        )
    middle = (depth[inside].min() + depth[inside].max()) / 2
    return float(grid[inside[np.argmin(np.abs(depth[inside] - middle))]])


def _rises(function: Function, start: float, width: float) -> bool:
    """Whether depth grows with y around the start."""
    steps = width * np.geomspace(1e-5, 1.0, 64)
    change = function(start + steps) - function(start - steps)
    middle = float(function(np.array([start]))[0])
    clear = change[np.isfinite(change) & (np.abs(change) > 1e-6 * abs(middle))]
    if clear.size == 0:
        raise ConversionError(f"The depth is {middle:g} m for every value of the last convolution.")
    return bool(clear[0] > 0)


class _Search:
    """A search outwards in steps, until a level is reached or the function ends or turns back.

    Attributes:
        goal: the level to reach.
        top: the level that was reached.
    """

    def __init__(self, function: Function, goal: float, noise: float) -> None:
        self._function, self.goal, self._noise = function, goal, noise
        steps = np.concatenate([[0.0], np.geomspace(_NEAR, _FAR, _POINTS)])
        known: list[float] = []
        levels: list[float] = []
        for _ in range(_ROUNDS):
            values = function(steps)
            rises = values >= np.maximum.accumulate(np.nan_to_num(values, nan=-np.inf)) - noise
            good = np.isfinite(values) & rises & (values >= max(levels, default=-np.inf) - noise)
            count = int(np.argmin(good)) if not good.all() else good.size
            known += steps[:count].tolist()
            levels += values[:count].tolist()
            if count == good.size or max(levels) >= goal:
                break
            # It ends or turns back between these two.
            steps = np.linspace(known[-1], steps[count], _POINTS)[1:]
        self._steps, self._levels = np.array(known), np.array(levels)
        self.top = min(float(self._levels.max()), goal)

    def first(self, level: float) -> float:
        """Find the first step at which a level is reached."""
        place = int(np.argmax(self._levels >= level))
        low, high = self._steps[max(place - 1, 0)], self._steps[place]
        for _ in range(4):
            steps = np.linspace(low, high, _POINTS)
            reached = self._function(steps) >= level
            place = max(int(np.argmax(reached)), 1) if reached.any() else steps.size - 1
            low, high = steps[place - 1], steps[place]
        return float(high)

    def full(self) -> float:
        """Find the first step at the top, within the precision of float32."""
        return self.first(self.top if self.top >= self.goal else self.top - self._noise)


def _end(progress: _Search, slack: float) -> float:
    """Return the end of the interval: at the top, or earlier if the rest is flat."""
    full, cut = progress.full(), progress.first(progress.top - slack)
    return cut if full - cut > _WORTH * (1 + cut) else full


def _expect_monotone(
    function: Function, interval: Interval, seen: Values, range_m: tuple[float, float]
) -> None:
    """Refuse a function that is not monotone within the photos' values."""
    ends = np.array([interval.low, interval.high])
    clipped = np.clip(function(np.concatenate([ends, seen])), *range_m)
    at_ends, depth = clipped[:2], clipped[2:]
    expected = np.where(seen < interval.low, at_ends[0], at_ends[1])
    outside = (seen < interval.low) | (seen > interval.high)
    apart = ~(np.abs(depth - expected) <= 0.01 * (range_m[1] - range_m[0]))
    if np.any(outside & apart):
        raise ConversionError(
            "Expected depth to rise or fall monotonically with the last convolution's output "
            f"({seen[0]:g} to {seen[-1]:g} on the photos): convert with --head single."
        )
