"""Depth as a picture for people: colours with a legend in metres."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm

# Cividis reads the same with and without colour-blindness (Nunez et al., PLOS ONE 2018).
COLOUR_MAP = cv2.COLORMAP_CIVIDIS
NO_DEPTH_BGR = (60, 60, 60)
LEGEND_TICKS = 5


def colourise(
    depth_mm: DepthMm, near_mm: int | None = None, far_mm: int | None = None
) -> npt.NDArray[np.uint8]:
    """Colour depth from near (bright) to far (dark), with a legend below.

    The legend is in metres, or in millimetres where all of it is less than 1 m.

    Args:
        depth_mm: (H, W) millimetres, 0 = no depth, which is drawn grey.
        near_mm: depth of the brightest colour; None: nearly the least that there is.
        far_mm: depth of the darkest, which may be the smaller; None: nearly the most that there
            is. Both ends take what lies beyond them, and the legend says so, as "> 1.00 m", where
            there is such depth.

    Returns:
        (H + legend, W, 3) uint8, BGR.
    """
    if near_mm is None or far_mm is None:
        low_mm, high_mm = depth_limits(depth_mm)
        near_mm = low_mm if near_mm is None else near_mm
        far_mm = high_mm if far_mm is None else far_mm
    share = (depth_mm.astype(np.float64) - near_mm) / ((far_mm - near_mm) or 1)
    picture = _coloured(share)
    picture[depth_mm == 0] = NO_DEPTH_BGR
    return np.vstack([picture, _legend(depth_mm.shape[1], _labels(depth_mm, near_mm, far_mm))])


def gradient(steps: int) -> npt.NDArray[np.uint8]:
    """The colours from near to far, (steps, 3) uint8, BGR."""
    return _coloured(np.linspace(0, 1, steps)[None]).reshape(steps, 3)


def _coloured(share: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Colours of 0 (near) to 1 (far)."""
    brightness = np.rint(255 * (1 - np.clip(share, 0, 1))).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(brightness, COLOUR_MAP), np.uint8)


def _labels(depth_mm: DepthMm, near_mm: int, far_mm: int) -> list[str]:
    """From near to far, in metres."""
    present = depth_mm[depth_mm > 0]
    below, above = (present < min(near_mm, far_mm)).any(), (present > max(near_mm, far_mm)).any()
    ends = ("< " if below else "", "> " if above else "")
    first, last = ends if near_mm <= far_mm else ends[::-1]
    texts = [f"{each / 1000:.2f} m" for each in np.linspace(near_mm, far_mm, LEGEND_TICKS)]
    return [first + texts[0], *texts[1:-1], last + texts[-1]]


def _legend(width: int, labels: Sequence[str]) -> npt.NDArray[np.uint8]:
    scale = max(0.35, width / 1400)
    bar, text = round(36 * scale), round(56 * scale)
    legend = np.full((bar + text, width, 3), 255, np.uint8)
    legend[:bar] = gradient(width)
    for place, label in zip(np.linspace(0, 1, len(labels)), labels, strict=True):
        (label_width, label_height), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        x = round(place * (width - label_width))
        origin = (x, bar + (text + label_height) // 2)
        cv2.putText(
            legend, label, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA
        )
    return legend


def depth_limits(depth_mm: DepthMm) -> tuple[int, int]:
    """A robust near and far limit to colour between: the 1st and 99th percentile of depth."""
    present = depth_mm[depth_mm > 0]
    if present.size == 0:
        return 0, 1
    near, far = np.percentile(present, [1, 99])
    return int(near), int(np.ceil(far))
