"""Random weights that are like trained ones where it matters.

Purely random layers drown what is in a photo: each batch normalization then enlarges what is left
of it, and with it every error of rounding. So each convolution also passes its input on, as
residual networks do, and the head is scaled so that it gives depth over the range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.networks.stranger import Floats

PERCENTILES = (2, 98)


def passing_on(kernel: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A random kernel (height, width, inputs, outputs), and ones from each channel to itself."""
    height, width, inputs, outputs = kernel.shape
    channels = np.arange(max(inputs, outputs))
    passed = np.zeros_like(kernel)
    passed[height // 2, width // 2, channels % inputs, channels % outputs] = 1
    return np.asarray(kernel + passed, np.float32)


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
