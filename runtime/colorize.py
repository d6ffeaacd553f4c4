"""Depth as a picture for people: colors with a legend in meters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.choices import expect_choice
from tfl_depth.encoding import DepthMm

# Cividis reads the same with and without color-blindness (Nunez et al., PLOS ONE 2018).
Colormap = Literal["cividis", "turbo", "inferno", "gray"]
COLORMAPS: tuple[Colormap, ...] = get_args(Colormap)
_OPENCV = {
    "cividis": cv2.COLORMAP_CIVIDIS,
    "turbo": cv2.COLORMAP_TURBO,
    "inferno": cv2.COLORMAP_INFERNO,
}
# Depth outside these percentiles gets the colors of the ends.
PERCENTILES = (2, 98)
NO_DEPTH_BGR = (60, 60, 60)
# Where all grays are depth.
NO_DEPTH_IN_GRAY_BGR = (110, 50, 0)
# Of the legend's width: nearer to an end there is only the end's text.
END_SHARE = 0.17
STRIP_PIXELS = 1 << 18
# Percentiles are found by counting up to 16 km, and by sorting beyond.
MAX_COUNTED_MM = 1 << 24


def colorize(
    depth_mm: DepthMm,
    near_mm: int | None = None,
    far_mm: int | None = None,
    *,
    colormap: Colormap = "cividis",
) -> npt.NDArray[np.uint8]:
    """Color depth from near (bright) to far (dark), with a legend below.

    The legend is in meters, or in millimeters if all of it is below 1 m.

    Args:
        depth_mm: (H, W) millimeters. 0 = no depth, drawn in `no_depth_bgr`.
        near_mm: depth of the brightest color; None: the 2nd percentile.
        far_mm: depth of the darkest color; None: the 98th percentile. It may be smaller than
            `near_mm`. Depth beyond an end gets the color of that end, and the legend shows it
            as "> 1.00 m".
        colormap: "cividis", "turbo", "inferno" or "gray".

    Returns:
        (H + legend, W, 3) uint8, BGR.

    Raises:
        DepthError: there is no such colormap.
    """
    expect_choice("colormap", colormap, Colormap)
    if near_mm is None or far_mm is None:
        low_mm, high_mm = depth_limits(depth_mm)
        near_mm = low_mm if near_mm is None else near_mm
        far_mm = high_mm if far_mm is None else far_mm
    height, width = depth_mm.shape
    picture = np.empty((height + sum(_legend_heights(width)), width, 3), np.uint8)
    _draw_legend(picture[height:], _labels(depth_mm, near_mm, far_mm), colormap)
    span_mm = (far_mm - near_mm) or 1
    for rows in strips(depth_mm):
        part = picture[rows][: len(depth_mm[rows])]
        part[:] = _colored((depth_mm[rows].astype(np.float64) - near_mm) / span_mm, colormap)
        part[depth_mm[rows] == 0] = no_depth_bgr(colormap)
    return picture


def no_depth_bgr(colormap: Colormap) -> tuple[int, int, int]:
    """The color of pixels without depth, which no depth has."""
    return NO_DEPTH_IN_GRAY_BGR if colormap == "gray" else NO_DEPTH_BGR


def with_white_below(bgr: npt.NDArray[np.uint8], height: int) -> npt.NDArray[np.uint8]:
    """A picture (H, W, 3) of another height, white where the one beside it has its legend."""
    below, white = height - bgr.shape[0], (255, 255, 255)
    shown = cv2.copyMakeBorder(bgr, 0, below, 0, 0, cv2.BORDER_CONSTANT, value=white)
    return np.asarray(shown, np.uint8)


def side_by_side(
    bgr: npt.NDArray[np.uint8], colored: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """A photo (H, W, 3) beside its colored depth, which is higher by its legend."""
    return np.hstack([with_white_below(bgr, colored.shape[0]), colored])


def gradient(steps: int, colormap: Colormap = "cividis") -> npt.NDArray[np.uint8]:
    """Return the colors from near to far, (steps, 3) uint8, BGR."""
    return _colored(np.linspace(0, 1, steps)[None], colormap).reshape(steps, 3)


def _colored(share: npt.NDArray[np.float64], colormap: Colormap) -> npt.NDArray[np.uint8]:
    """Return the colors of values from 0 (near) to 1 (far)."""
    brightness = np.rint(255 * (1 - np.clip(share, 0, 1))).astype(np.uint8)
    if colormap == "gray":
        return np.asarray(cv2.cvtColor(brightness, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.asarray(cv2.applyColorMap(brightness, _OPENCV[colormap]), np.uint8)


def _labels(depth_mm: DepthMm, near_mm: int, far_mm: int) -> list[tuple[float, str]]:
    """Return the places of the legend, from 0 to 1, and their texts in meters.

    They are the two ends, and round values between them.
    """
    below = any(_between(depth_mm[rows], 1, min(near_mm, far_mm)) for rows in strips(depth_mm))
    above = any((depth_mm[rows] > max(near_mm, far_mm, 0)).any() for rows in strips(depth_mm))
    ends = ("< " if below else "", "> " if above else "")
    first, last = ends if near_mm <= far_mm else ends[::-1]
    span_mm = (far_mm - near_mm) or 1
    ticks = ((each, (each - near_mm) / span_mm) for each in _round_values(near_mm, far_mm))
    return [
        (0, f"{first}{near_mm / 1000:.2f} m"),
        *((place, f"{mm / 1000:g} m") for mm, place in ticks if END_SHARE < place < 1 - END_SHARE),
        (1, f"{last}{far_mm / 1000:.2f} m"),
    ]


def _round_values(one_mm: int, other_mm: int) -> range:
    """Multiples of 1, 2 or 5 times a power of ten between two depths, five at most."""
    low, high = sorted((int(one_mm), int(other_mm)))
    power = 10 ** max(0, len(str(high - low)) - 2)
    step = next(each * power for each in (1, 2, 5, 10, 20) if 5 * each * power >= high - low)
    return range(-(-low // step) * step, high + 1, step)


def _legend_scale(width: int) -> float:
    return max(0.35, width / 1400)


def _legend_heights(width: int) -> tuple[int, int]:
    """Heights of the color bar and of the text below it, in pixels."""
    return round(36 * _legend_scale(width)), round(56 * _legend_scale(width))


def _draw_legend(
    legend: npt.NDArray[np.uint8], labels: Sequence[tuple[float, str]], colormap: Colormap
) -> None:
    width = legend.shape[1]
    scale, (bar, text) = _legend_scale(width), _legend_heights(width)
    legend[:bar], legend[bar:] = gradient(width, colormap), 255
    for place, label in labels:
        (label_width, label_height), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        x = min(max(round(place * width - label_width / 2), 0), width - label_width)
        origin = (x, bar + (text + label_height) // 2)
        cv2.putText(
            legend, label, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA
        )


def depth_limits(depth_mm: DepthMm) -> tuple[int, int]:
    """Return the 2nd and 98th percentile of depth, as limits of the colors."""
    near, far = depth_percentiles(depth_mm, PERCENTILES) or (0, 1)
    return int(near), int(np.ceil(far))


def depth_percentiles(depth_mm: DepthMm, shares: Sequence[float]) -> list[float] | None:
    """Return percentiles of all depth that is not 0, as numpy.percentile; None without depth.

    It counts values. numpy would make several copies, and a phone's photo has 48 million pixels.
    """
    most = int(depth_mm.max(initial=0))
    if most > MAX_COUNTED_MM:
        return [float(each) for each in np.percentile(depth_mm[depth_mm > 0], shares)]
    counts = np.zeros(most + 1, np.int64)
    for rows in strips(depth_mm):
        counts += np.bincount(depth_mm[rows].ravel(), minlength=most + 1)
    counts[0] = 0
    upto = counts.cumsum()
    if upto[-1] == 0:
        return None
    places = np.array(shares) / 100 * (upto[-1] - 1)
    low, high = (np.searchsorted(upto, f(places), side="right") for f in (np.floor, np.ceil))
    return [float(each) for each in low + (high - low) * (places - np.floor(places))]


def strips(depth_mm: DepthMm) -> Iterator[slice]:
    """Yield a picture in blocks of rows, so that working memory stays small."""
    height, width = depth_mm.shape
    rows = max(1, STRIP_PIXELS // max(width, 1))
    return (slice(first, first + rows) for first in range(0, height, rows))


def _between(depth_mm: DepthMm, low_mm: int, high_mm: int) -> bool:
    """Whether there is depth from `low_mm` up to, but not including, `high_mm`."""
    return bool(((depth_mm >= low_mm) & (depth_mm < max(high_mm, 0))).any())
