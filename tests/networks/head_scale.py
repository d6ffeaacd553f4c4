"""How the last linear operator of random weights is scaled, so that it gives depth of a kind."""

from __future__ import annotations

import numpy as np

from tests.networks.stranger import Floats

PERCENTILES = (2, 98)


def gain_and_offset(found: Floats, near_and_far: tuple[float, float]) -> tuple[float, float]:
    """What to multiply y by, and what to add then.

    Args:
        found: maps (n, h, w) of y by random weights, for photos.
        near_and_far: what y is to be at the ends of the range; most photos are to be farther at
            the top than at the bottom.
    """
    third = max(1, found.shape[1] // 3)
    rises = [each[:third].mean() >= each[-third:].mean() for each in found]
    low, high = np.percentile(found, PERCENTILES)
    near, far = near_and_far if np.mean(rises) >= 0.5 else near_and_far[::-1]
    gain = (far - near) / (high - low)
    return float(gain), float(near - gain * low)
