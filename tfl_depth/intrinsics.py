"""Pinhole cameras."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Intrinsics"]


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera, in pixels of its image; the middle of the first pixel is (0, 0).

    Attributes:
        fx, fy: focal lengths.
        cx, cy: position of the optical axis in the image.
    """

    fx: float
    fy: float
    cx: float
    cy: float

    def at_size(self, size: tuple[int, ...], other: tuple[int, ...]) -> Intrinsics:
        """The same camera after a resize of its image from `size` (height, width) to `other`."""
        y, x = (new / old for new, old in zip(other, size, strict=True))
        # Sizes are between the borders of pixels, half a pixel before the middle of the first.
        return Intrinsics(
            self.fx * x, self.fy * y, (self.cx + 0.5) * x - 0.5, (self.cy + 0.5) * y - 0.5
        )

    def field_of_view(self, size: tuple[int, ...]) -> tuple[float, float]:
        """The field of view in degrees along x and y, for an image of `size` (height, width)."""
        height, width = size
        return _degrees(self.fx, self.cx, width), _degrees(self.fy, self.cy, height)

    @classmethod
    def from_field_of_view(cls, degrees: float, size: tuple[int, ...]) -> Intrinsics:
        """Square pixels and a centered axis.

        Args:
            degrees: the horizontal field of view, between 0 and 180.
            size: (height, width) of the image.
        """
        height, width = size
        focal = width / 2 / math.tan(math.radians(degrees) / 2)
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2)


def _degrees(focal: float, center: float, pixels: int) -> float:
    before, behind = center + 0.5, pixels - 0.5 - center
    return math.degrees(math.atan2(before, focal) + math.atan2(behind, focal))
