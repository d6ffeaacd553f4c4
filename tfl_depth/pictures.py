"""A photo, its true depth, a prediction and its error as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from tfl_depth.chart_style import (
    DEPTH_MAP,
    ERROR_MAP,
    NO_DEPTH,
    WIDTH,
    chart_bgr,
    round_ticks,
    round_up,
    styled,
)
from tfl_depth.data.samples import Sample

Floats = npt.NDArray[np.floating[Any]]

# Inches: the gap left of and between panels, the title above them, a scale and its labels below.
_GAP, _TITLE, _BAR, _BELOW_BAR = 0.12, 0.32, 0.12, 0.5
# Margin on both sides of a scale as a share of the picture's width, for its labels.
_INSET = 0.02
# Percentiles of depth and of errors at the ends of the colors.
_DEPTH_PERCENT, _ERROR_PERCENT = (1, 99), 95


@styled
def comparison_picture(
    sample: Sample, depth_pred_m: Floats, *, error_limit_m: float, predicted: str = "predicted"
) -> npt.NDArray[np.uint8]:
    """Photo, true depth, predicted depth and error in two rows, with scales below.

    Both depths have one scale, from the 1st to the 99th percentile of the true depth. The error is
    predicted - true. A scale has a pointed end if there are values beyond it. Pixels without true
    depth are dark gray.

    Args:
        sample: photo and true depth.
        depth_pred_m: (H, W) meters.
        error_limit_m: the end of the error's scale; `error_limit_m` computes one.
        predicted: the word for the prediction in titles.

    Returns:
        (h, 1200, 3) uint8, BGR.
    """
    truth_m = np.where(sample.valid, sample.depth_m, np.nan)
    error_m = depth_pred_m - truth_m
    near_m, far_m = np.nanpercentile(truth_m, _DEPTH_PERCENT)
    if far_m <= near_m:
        far_m = near_m + 0.001
    figure, panels = _panels(sample.rgb.shape[0] / sample.rgb.shape[1])
    depth = {"cmap": DEPTH_MAP, "vmin": near_m, "vmax": far_m}
    error = {"cmap": ERROR_MAP, "vmin": -error_limit_m, "vmax": error_limit_m}
    _show(panels[0], "photo", sample.rgb)
    _show(panels[1], "true depth", truth_m, **depth)
    shown = _show(panels[2], f"{predicted} depth", depth_pred_m, **depth)
    bar = _scale(figure, shown, [truth_m, depth_pred_m])
    bar.locator = round_ticks()
    bar.set_label("depth, m (near is bright)")
    title = f"error: median {np.nanmedian(np.abs(error_m)):.2f} m"
    bar = _scale(figure, _show(panels[3], title, error_m, **error), [error_m])
    bar.set_ticks([*(error_limit_m * np.linspace(-1, 1, 5))])
    bar.set_label(f"{predicted} \N{MINUS SIGN} true, m (blue is nearer, orange farther)")
    return chart_bgr(figure)


def error_limit_m(samples: Sequence[Sample], predictions: Sequence[Floats]) -> float:
    """A round end of the error's scale for pictures that are to be compared.

    Args:
        samples: photos and true depth.
        predictions: (H, W) meters of each.

    Returns:
        Meters, 1, 2 or 5 times a power of ten: 95 % of the errors are smaller.
    """
    errors = [
        np.abs(depth_m - sample.depth_m)[sample.valid]
        for sample, depth_m in zip(samples, predictions, strict=True)
    ]
    return round_up(float(np.percentile(np.concatenate(errors), _ERROR_PERCENT)))


def _panels(aspect: float) -> tuple[Figure, list[Axes]]:
    """A figure with two rows of two panels whose height is `aspect` times their width."""
    width = (WIDTH - 3 * _GAP) / 2
    height = aspect * width
    total = 2 * (_TITLE + height) + _BAR + _BELOW_BAR
    figure = Figure(figsize=(WIDTH, total))
    axes = []
    for row in (1, 0):
        bottom = _BELOW_BAR + _BAR + row * (height + _TITLE) + 0.06
        for column in (0, 1):
            left = _GAP + column * (width + _GAP)
            place = (left / WIDTH, bottom / total, width / WIDTH, (height - 0.06) / total)
            axes.append(figure.add_axes(place))
    return figure, axes


def _show(axes: Axes, title: str, values: npt.NDArray[Any], **colors: Any) -> AxesImage:
    axes.set_title(title)
    axes.set_facecolor(NO_DEPTH)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes.imshow(values, aspect="auto", **colors)


def _scale(figure: Figure, shown: AxesImage, values: Sequence[Floats]) -> Colorbar:
    """Draw the scale below a panel of the last row, with pointed ends if values lie beyond."""
    low, high = shown.get_clim()
    below = any(np.nanmin(each) < low for each in values)
    above = any(np.nanmax(each) > high for each in values)
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}
    place, inch = shown.axes.get_position(), 1 / figure.get_figheight()
    left, width = place.x0 + _INSET, place.width - 2 * _INSET
    axes = figure.add_axes((left, _BELOW_BAR * inch, width, _BAR * inch))
    bar = figure.colorbar(
        shown, cax=axes, orientation="horizontal", extendfrac=0.03,
        extend=extend.get((below, above), "neither"),
    )  # fmt: skip
    bar.outline.set_visible(False)
    return bar
