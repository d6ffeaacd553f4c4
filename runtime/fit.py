"""How a frame of another aspect comes to the network's input: stretched, cropped or padded.

A contract names the fit that the photos of its calibration had. All places are boxes in whole
pixels, so that pixels, depth and intrinsics follow the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.choices import expect_choice
from tfl_depth.format.contract_parts import Fit
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime.preprocess import Pixels, resize_pixels

__all__ = [
    "DEFAULT_FIT",
    "Fit",
    "FramePlace",
    "depth_in_frame",
    "expect_fit",
    "fit_frame",
    "fit_photo",
    "fit_pixels",
]

# docs/decisions/019-fit-of-the-frame.md
DEFAULT_FIT: Fit = "pad"
# Of the border around a padded frame, in each color: the middle of the range.
PAD_PIXEL = 128
# In pixels of the input: an output of a half or a quarter of its size has a border of whole pixels.
BORDER_STEP = 4


class Box(NamedTuple):
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width


@dataclass(frozen=True)
class FramePlace:
    """Which part of a frame the network sees, and where in its input that part lies.

    Attributes:
        size: (height, width) of the frame.
        model_size: (height, width) of the input.
        frame: the part of the frame that the network sees.
        model: where it lies in the input.
    """

    size: tuple[int, int]
    model_size: tuple[int, int]
    frame: Box
    model: Box

    @property
    def is_whole(self) -> bool:
        """Whether all of the frame fills all of the input."""
        return self.frame.size == self.size and self.model.size == self.model_size

    def intrinsics(self, camera: Intrinsics) -> Intrinsics:
        """The frame's camera in pixels of the input."""
        frame, model = self.frame, self.model
        shown = Intrinsics(camera.fx, camera.fy, camera.cx - frame.left, camera.cy - frame.top)
        shown = shown.at_size(frame.size, model.size)
        return Intrinsics(shown.fx, shown.fy, shown.cx + model.left, shown.cy + model.top)

    def on_grid(self, grid_size: tuple[int, int]) -> Box:
        """The part of the network's output of `grid_size` (height, width) that shows the frame."""
        down, right = (grid / model for grid, model in zip(grid_size, self.model_size, strict=True))
        top, left = round(self.model.top * down), round(self.model.left * right)
        bottom = round((self.model.top + self.model.height) * down)
        end = round((self.model.left + self.model.width) * right)
        # Of a narrow frame at least one row and one column.
        top, left = min(top, grid_size[0] - 1), min(left, grid_size[1] - 1)
        return Box(top, left, max(1, bottom - top), max(1, end - left))


def expect_fit(fit: Fit) -> None:
    """Check that a value is a `Fit`.

    Raises:
        DepthError: it is not.
    """
    expect_choice("fit", fit, Fit)


def fit_frame(size: tuple[int, int], model_size: tuple[int, int], fit: Fit) -> FramePlace:
    """Place a frame in the network's input.

    Args:
        size: (height, width) of the frame.
        model_size: (height, width) of the input.
        fit: "stretch" shows all of the frame, with another aspect; "crop" shows the middle of it
            with the input's aspect; "pad" shows all of it, with its aspect, inside a gray border.

    Raises:
        DepthError: `fit` is none of these.
    """
    expect_fit(fit)
    frame, model = Box(0, 0, *size), Box(0, 0, *model_size)
    if fit == "crop":
        frame = _middle(size, model_size)
    elif fit == "pad":
        model = _inside_border(model_size, size)
    return FramePlace(size, model_size, frame, model)


def _middle(size: tuple[int, int], other: tuple[int, int]) -> Box:
    """The largest box in the middle of `size` with the aspect of `other`."""
    height = max(1, min(size[0], round(size[1] * other[0] / other[1])))
    width = max(1, min(size[1], round(size[0] * other[1] / other[0])))
    return Box((size[0] - height) // 2, (size[1] - width) // 2, height, width)


def _inside_border(size: tuple[int, int], other: tuple[int, int]) -> Box:
    """The box in `size`, nearest to the aspect of `other`, inside borders of whole steps."""
    shown = _middle(size, other)
    borders = (
        min(BORDER_STEP * round((whole - part) / 2 / BORDER_STEP), (whole - 1) // 2)
        for whole, part in zip(size, shown.size, strict=True)
    )
    top, left = borders
    return Box(top, left, size[0] - 2 * top, size[1] - 2 * left)


def fit_pixels(pixels: Pixels, place: FramePlace, out: Pixels | None = None) -> Pixels:
    """Bring a frame's pixels to the network's input.

    Args:
        pixels: (H, W, 3) or (H, W) uint8, of `place.size`.
        place: from `fit_frame`.
        out: where to write, (h, w, 3) or (h, w) of `place.model_size`.

    Returns:
        The pixels at the input's size; `pixels` itself where they have that size already.
    """
    shown = pixels[place.frame.slices]
    if place.model.size == place.model_size:
        if shown.shape[:2] == place.model_size:
            return shown
        return resize_pixels(shown, place.model_size, out)
    if out is None:
        out = np.empty(place.model_size + pixels.shape[2:], np.uint8)
    out.fill(PAD_PIXEL)
    resize_pixels(shown, place.model.size, out[place.model.slices])
    return out


def fit_photo(pixels: Pixels, size: tuple[int, int], fit: Fit = DEFAULT_FIT) -> Pixels:
    """Bring a photo (H, W, 3) or (H, W) to a network's input of `size` (height, width)."""
    height, width = pixels.shape[:2]
    return fit_pixels(pixels, fit_frame((height, width), size, fit))


def depth_in_frame(grid: npt.NDArray[np.float32], place: FramePlace) -> npt.NDArray[np.float32]:
    """Depth of the network's grid at the frame's size, bilinearly; nan where it saw nothing.

    Args:
        grid: (h, w) meters.
        place: of the frame.
    """
    part = place.on_grid((grid.shape[0], grid.shape[1]))
    depth = np.full(place.size, np.nan, np.float32)
    size = place.frame.size[::-1]
    shown = cv2.resize(grid[part.slices], size, interpolation=cv2.INTER_LINEAR)
    depth[place.frame.slices] = shown
    return depth
