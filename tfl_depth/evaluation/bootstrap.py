"""The difference of two models on the same images, with its confidence interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["INTERVAL", "RESAMPLES", "Change", "paired_change"]

RESAMPLES = 10_000
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Change:
    """Relative change of a metric's mean over images, from one model to another.

    Attributes:
        relative: (other - one) / one; 0.01 is 1 % more.
        low, high: ends of its 95 % bootstrap interval.
    """

    relative: float
    low: float
    high: float


def paired_change(one: npt.ArrayLike, other: npt.ArrayLike, *, seed: int = 0) -> Change:
    """Compare a metric's values on the same images, in the same order.

    The percentile bootstrap of paired data (B. Efron and R. Tibshirani, "An Introduction to the
    Bootstrap", 1993, chapter 13): the images are resampled with replacement 10,000 times, the same
    images for both models. A change from a mean of 0 counts as 0.

    Raises:
        ValueError: no values, or not as many of one as of the other.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.shape != b.shape or a.ndim != 1 or a.size == 0:
        raise ValueError(f"Expected two equally long lists of values, got {a.shape} and {b.shape}.")
    rng = np.random.default_rng(seed)
    # A resample is stored as counts: how often it has each image.
    counts = rng.multinomial(a.size, np.full(a.size, 1 / a.size), size=RESAMPLES)
    changes = _relative(counts @ (b - a), counts @ a)
    low, high = np.percentile(changes, INTERVAL)
    return Change(float(_relative(b.mean() - a.mean(), a.mean())), float(low), float(high))


def _relative(difference: npt.ArrayLike, before: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The relative change; 0 if the mean is 0, such as a delta1 without any pixel."""
    whole = np.asarray(before, np.float64)
    return np.divide(difference, whole, out=np.zeros_like(whole), where=whole != 0)
