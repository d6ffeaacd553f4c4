"""Tests of whether maps look like depth, by properties of nearly all photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Maps = Sequence[npt.NDArray[np.floating]]

# Rows at the top and at the bottom, as shares of the height.
_UPPER, _LOWER = (0.05, 0.4), (0.75, 0.95)
FEWEST_PHOTOS = 8
_MAJORITY = 0.7
# Largest share of pixels outside the range.
_FEW = 0.05
# Smallest ratio of the 95th to the 5th percentile of depth.
_SPREAD = 1.15
# Distance from an end that counts as the end, as a share of the range.
_TINY = 0.002


def outside(maps_m: Maps, range_m: tuple[float, float]) -> tuple[float, float]:
    """Return the shares of pixels below and above a range, or (nearly) at its ends."""
    values = np.concatenate([np.ravel(depth) for depth in maps_m])
    tiny = _TINY * (range_m[1] - range_m[0])
    below, above = values <= range_m[0] + tiny, values >= range_m[1] - tiny
    return float(np.mean(below)), float(np.mean(above))


def falls_upwards(maps: Maps, fewest: int = FEWEST_PHOTOS) -> bool:
    """Whether most maps have larger values at the bottom than at the top.

    Depth does not in upright photos of rooms and streets, since the floor is near.

    Args:
        maps: (H, W) each.
        fewest: smallest number of maps for a decision; with fewer the result is False.
    """
    if len(maps) < fewest:
        return False
    greater = [np.median(_rows(each, _LOWER)) > np.median(_rows(each, _UPPER)) for each in maps]
    return bool(np.mean(greater) >= _MAJORITY)


def looks_like_depth(maps_m: Maps, range_m: tuple[float, float], least_filled: float = 0.1) -> bool:
    """Whether maps look like depth in this range.

    Args:
        maps_m: (H, W) each, in meters.
        range_m: least and greatest depth.
        least_filled: share of the range that the 95th percentile must reach.
    """
    values = np.concatenate([np.ravel(depth) for depth in maps_m])
    if not np.isfinite(values).all() or sum(outside(maps_m, range_m)) > _FEW:
        return False
    near, far = np.percentile(values, [5, 95])
    filled = far >= least_filled * range_m[1] and near > 0
    return bool(filled and far >= _SPREAD * near and not falls_upwards(maps_m, 3))


def is_one_value(maps: Maps) -> bool:
    """Whether all pixels of all maps have nearly one value."""
    low, middle, high = np.percentile(np.concatenate([np.ravel(m) for m in maps]), [1, 50, 99])
    return bool(high - low <= 0.01 * abs(middle) or high == low)


def is_one_map(maps: Maps) -> bool:
    """Whether several maps are nearly equal, so that the network ignores its input."""
    if len(maps) < 3:
        return False
    stack = np.stack([np.asarray(each, np.float64) for each in maps])
    return bool(np.mean(stack.std(axis=0)) <= 0.01 * stack.std())


def _rows(values: npt.NDArray[np.floating], part: tuple[float, float]) -> npt.NDArray[np.floating]:
    first, last = (round(share * values.shape[0]) for share in part)
    return values[first : max(last, first + 1)]
