"""Smooths a stream's depth over time: an exponential filter that does not smear what moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import DepthError


@dataclass(frozen=True)
class Smoothing:
    """How depth is smoothed over a stream's frames, for each pixel by itself.

    The depth that is given is the one before, moved by `weight` of the way to the new one. A pixel
    takes the new depth as it is where the two differ by more than `jump_percent`, and where one of
    them has no depth.

    Attributes:
        weight: of the new frame, above 0 and at most 1. In a still scene independent noise falls to
            sqrt(weight / (2 - weight)) of its deviation, which is 0.42 at 0.3; depth that changes
            slowly comes late by (1 - weight) / weight frames.
        jump_percent: of the depth before, above 0 and below 100.

    Raises:
        DepthError: on creation, where they are not.
    """

    weight: float = 0.3
    jump_percent: float = 10.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and 0 < self.weight <= 1):
            raise DepthError(f"Expected a weight above 0 and at most 1, got {self.weight!r}.")
        if not 0 < self.jump_percent < 100:
            raise DepthError(f"Expected a jump of 0 to 100 per cent, got {self.jump_percent!r}.")


class TemporalFilter:
    """The filter of one stream. It keeps the depth before, so only one thread may use it."""

    def __init__(self, smoothing: Smoothing, size: tuple[int, int]) -> None:
        """Begin without a frame before, for depth of `size` = (height, width)."""
        self._weight = np.float32(smoothing.weight)
        self._jump = np.float32(smoothing.jump_percent / 100)
        # Millimeters, 0 = no depth, not rounded: small steps would never arrive otherwise.
        self._before = np.zeros(size, np.float32)
        self._step, self._limit = np.empty_like(self._before), np.empty_like(self._before)
        self._part = np.empty_like(self._before)

    def __call__(self, depth_mm: DepthMm) -> None:
        """Replace a frame's millimeters by the smoothed ones; 0 stays 0.

        Args:
            depth_mm: (H, W) uint16 or uint32.
        """
        before, step, limit, part = self._before, self._step, self._limit, self._part
        np.subtract(depth_mm, before, out=step, dtype=np.float32)
        np.abs(step, out=part)
        # A jump is a comparison of which both sides are 0 where neither frame has depth; with depth
        # in one of them alone it holds, since the difference is all of that depth.
        np.multiply(before, self._jump, out=limit)
        np.greater(part, limit, out=part)
        np.maximum(part, self._weight, out=part)
        step *= part
        before += step
        np.rint(before, out=limit)
        np.copyto(depth_mm, limit, casting="unsafe")
