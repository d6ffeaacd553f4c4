"""Tests for normalizations: statistics over parts of a tensor, and lines between two tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Tensor

Array = npt.NDArray[Any]
Values = npt.NDArray[np.float64]

# Mean and spread of the samples, and the number of compared places.
_SAMPLES, _PLACES = ((0.6, 1.0), (-0.4, 0.4), (0.2, 2.5)), 4096
# Tolerance of float32, as a share of the largest value.
_TOLERANCE = 3e-5


def samples(x: Tensor) -> list[npt.NDArray[np.float32]]:
    """Make random values with a different mean and spread at each place and in each sample."""
    random = np.random.default_rng(0)
    found = []
    for mean, spread in _SAMPLES:
        spreads, means = random.uniform(0.3, 2, x.shape), random.normal(mean, 0.5, x.shape)
        value = (random.normal(size=x.shape) * spreads + means) * spread
        found.append(value.astype(np.float32))
    return found


@dataclass(frozen=True)
class Span:
    """The possible axes of a mean, by the number of statistics."""

    axes: tuple[int, ...]
    groups: int
    channel_axis: int

    def statistics(self, value: npt.NDArray[np.float32]) -> tuple[Values, Values]:
        """Return the mean and the mean of squares, broadcast to the value's shape."""
        if self.groups == 1:
            return _statistics(value, self.axes)
        shape, axis = value.shape, self.channel_axis
        inner = shape[axis] // self.groups
        grouped = value.reshape(*shape[:axis], self.groups, inner, *shape[axis + 1 :])
        axes = (*(a + (a > axis) for a in self.axes), axis + 1)
        found = (each.squeeze(axis + 1) for each in _statistics(grouped, axes))
        mean, squares = (np.repeat(each, inner, axis) for each in found)
        return mean, squares

    def channel_axes(self, x: Tensor) -> tuple[int, ...]:
        """Axes along which factor and offset may differ."""
        if self.groups > 1:
            return (self.channel_axis,)
        return (len(x.shape) - 1, 1) if len(x.shape) > 2 else (len(x.shape) - 1,)


def _statistics(value: npt.NDArray[np.float32], axes: tuple[int, ...]) -> tuple[Values, Values]:
    mean = value.mean(axis=axes, keepdims=True, dtype=np.float64)
    # Relative to the mean, which keeps precision for small differences of large values.
    rest = ((value - mean) ** 2).mean(axis=axes, keepdims=True)
    return mean, rest + mean**2


class Places:
    """Some places of a tensor, along all axes except the channels."""

    def __init__(self, shape: tuple[int, ...], axis: int) -> None:
        self.axis = axis
        others = [side for i, side in enumerate(shape) if i != axis]
        count, random = int(np.prod(others)), np.random.default_rng(0)
        flat = np.arange(count)
        if count > _PLACES:
            flat = random.choice(count, _PLACES, replace=False)
        self._places = np.unravel_index(flat, others)

    def take(self, value: Array) -> Values:
        """Return the values at the places, (channels, places)."""
        moved: Any = np.moveaxis(value, self.axis, 0)
        taken: Values = moved[(slice(None), *self._places)].astype(np.float64)
        return taken


class Normalized:
    """Normalized samples at some places: (samples, channels, places)."""

    def __init__(self, values: Sequence[Array], span: Span, places: Places) -> None:
        """Compute the statistics of samples.

        Args:
            values: the samples.
            span: of the statistics.
            places: to compare.
        """
        found = [span.statistics(value) for value in values]
        shape = values[0].shape
        self._values = np.stack([places.take(value) for value in values])
        self._means, self._squares = (
            np.stack([places.take(np.broadcast_to(each[i], shape)) for each in found])
            for i in (0, 1)
        )

    def by(self, centered: bool, epsilon: float) -> Values:
        """Normalize with or without subtraction of the mean."""
        mean = self._means if centered else np.zeros(())
        return (self._values - mean) / np.sqrt(self._squares - mean**2 + epsilon)


def spans(shape: tuple[int, ...], count: int) -> list[Span]:
    """Return the possible axes of means for a number of means."""
    return [*_plain_spans(shape, int(np.prod(shape)) // count), *_group_spans(shape, count)]


def _plain_spans(shape: tuple[int, ...], each: int) -> Iterator[Span]:
    wide = [axis for axis, side in enumerate(shape) if side > 1]
    for length in range(1, len(wide) + 1):
        for axes in combinations(wide, length):
            if np.prod([shape[axis] for axis in axes]) == each:
                yield Span(axes, 1, len(shape) - 1)


def _group_spans(shape: tuple[int, ...], groups: int) -> Iterator[Span]:
    last = len(shape) - 1
    for axis in (last, 1):
        others = range(1, last) if axis == last else range(2, last + 1)
        channels = shape[axis]
        if len(shape) > 2 and 1 < groups < channels and channels % groups == 0:
            yield Span(tuple(others), groups, axis)


def fit(normal: Values, given: Values) -> tuple[Values, Values] | None:
    """Return factor and offset of each channel if two arrays differ only by these.

    Args:
        normal: (samples, channels, places).
        given: of the same shape.
    """
    means = (value.mean(axis=(0, 2), keepdims=True) for value in (normal, given))
    mean, given_mean = means
    spread = ((normal - mean) ** 2).mean(axis=(0, 2), keepdims=True)
    shared = ((normal - mean) * (given - given_mean)).mean(axis=(0, 2), keepdims=True)
    factor = shared / np.maximum(spread, 1e-12)
    offset = given_mean - factor * mean
    error = np.abs(normal * factor + offset - given).max()
    if not error <= _TOLERANCE * np.abs(given).max() or not np.abs(factor).max() > 0:
        return None
    return factor.ravel(), offset.ravel()
