"""Widths of spans in y with the same largest step of depth in all spans."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.head.curve import Curve
from tfl_depth.converters.head.depth_function import Values

# Widths within this factor may be replaced by one.
_LIKE = 2.0
_BISECTIONS, _BALANCINGS = 60, 40


def equal_steps(curve: Curve, count: int, *, few_widths: bool = False) -> Values:
    """Return edges in y, one more than spans. All spans have the same greatest slope times width.

    Args:
        curve: depth as a function of y.
        count: of spans.
        few_widths: make nearly equal widths equal, with somewhat larger steps.
    """
    distance = np.abs(curve.y - curve.y[0])
    slopes = np.diff(curve.depth_m) / np.diff(distance)
    widths = _equal(distance, slopes, count)
    if few_widths:
        widths = _alike(distance, slopes, widths)
    direction = np.sign(curve.y[-1] - curve.y[0])
    return np.asarray(curve.y[0] + direction * np.concatenate([[0.0], np.cumsum(widths)]))


def _equal(distance: Values, slopes: Values, count: int) -> Values:
    least, most = 0.0, float(slopes.max() * distance[-1])
    for _ in range(_BISECTIONS):
        rise = (least + most) / 2
        if len(_greedy(distance, slopes, rise, count + 1)) <= count:
            most = rise
        else:
            least = rise
    ends = _greedy(distance, slopes, most, count)
    # If there are fewer spans, the widest ones are halved.
    while len(ends) < count:
        starts = [0.0, *ends[:-1]]
        widest = int(np.argmax(np.subtract(ends, starts)))
        ends.insert(widest, (starts[widest] + ends[widest]) / 2)
    return np.diff([0.0, *ends])


def _greedy(distance: Values, slopes: Values, rise: float, most: int) -> list[float]:
    """Return the ends of the widest spans with a greatest slope times width of `rise`.

    Args:
        distance: ascending places from 0.
        slopes: between the places.
        rise: in meters.
        most: largest number of spans.
    """
    ends: list[float] = []
    start, place = 0.0, 0
    while len(ends) < most:
        steepest = np.maximum.accumulate(slopes[place:])
        limit = start + rise / np.maximum(steepest, 1e-30)
        full = limit >= distance[place + 1 :]
        if full.all():
            ends.append(float(distance[-1]))
            break
        first = int(np.argmin(full))
        end = float(max(limit[first], distance[place + first] if first else start))
        ends.append(end)
        start, place = end, place + first
    return ends


def _alike(distance: Values, slopes: Values, widths: Values) -> Values:
    """Replace many widths by few, with the same sum and nearly equal steps."""
    groups = _groups(widths)
    each = np.array([widths[groups == group].mean() for group in range(groups.max() + 1)])
    best, least = each[groups], np.inf
    for _ in range(_BALANCINGS):
        made = each[groups]
        rises = _steepest(distance, slopes, made) * made
        if rises.max() < least:
            best, least = made, rises.max()
        worst = np.array([rises[groups == group].max() for group in range(each.size)])
        each = each / np.sqrt(worst / worst.max())
        each *= distance[-1] / each[groups].sum()
    return best


def _groups(widths: Values) -> npt.NDArray[np.intp]:
    """Return a group number for each width. Nearly equal widths have the same number."""
    found = np.zeros(widths.size, np.intp)
    order = np.argsort(widths)
    number, first = 0, widths[order[0]]
    for place in order:
        if widths[place] > _LIKE * first:
            number, first = number + 1, widths[place]
        found[place] = number
    return found


def _steepest(distance: Values, slopes: Values, widths: Values) -> Values:
    """Return the greatest slope in each span."""
    ends = np.concatenate([[0.0], np.cumsum(widths)])
    firsts = np.clip(np.searchsorted(distance, ends[:-1], side="right") - 1, 0, slopes.size - 1)
    lasts = np.clip(np.searchsorted(distance, ends[1:], side="left"), firsts + 1, slopes.size)
    return np.array([slopes[i:j].max() for i, j in zip(firsts, lasts, strict=True)])
