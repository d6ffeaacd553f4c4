"""One scene of a study: FP32 depth, and how far each phase is from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from tfl_depth.chart_style import ERROR_MAP, SMALL, WIDTH, chart_png, round_ticks, styled
from tfl_depth.strategy.experiments import TITLES, Granularity

Grid = npt.NDArray[np.floating[Any]]

# One scale for all maps, as in `tfl-depth view`: deviations beyond it look alike.
MAP_MM = 200
# In inches: between panels, of the rows' names, above and below the rows, and between them.
_GAP, _NAMES, _ABOVE, _BELOW, _BETWEEN = 0.08, 0.45, 0.5, 1.0, 0.3
_BAR = 0.12


@styled
def scene_chart(float_m: Grid, phases: Mapping[Granularity, Sequence[tuple[str, Grid]]]) -> bytes:
    """FP32 depth, and the difference of each phase on one scale.

    The photo is not drawn, since a dataset's terms may not allow it in a report.

    Args:
        float_m: (h, w) in meters.
        phases: by granularity of the weights, a label and the depth (h, w) of each phase.
    """
    columns = max(1, *map(len, phases.values()))
    width = (WIDTH - _NAMES - (columns + 2) * _GAP) / (columns + 1)
    height = width * float_m.shape[0] / float_m.shape[1]
    total = _ABOVE + len(phases) * (height + _BETWEEN) + _BELOW
    figure = Figure(figsize=(WIDTH, total))
    axes = _axes(figure, _GAP, total - _ABOVE - height, width, height)
    axes.set_title("FP32\ndepth, m", fontsize=SMALL)
    depth = axes.imshow(float_m, aspect="auto")
    scale = _axes(figure, _GAP, total - _ABOVE - height - 0.08 - _BAR, width, _BAR)
    figure.colorbar(depth, cax=scale, orientation="horizontal", ticks=round_ticks(3))
    for row, (granularity, shown) in enumerate(phases.items()):
        bottom = total - _ABOVE - (row + 1) * height - row * _BETWEEN
        for column, (label, grid) in enumerate(shown):
            left = _GAP + (column + 1) * (width + _GAP) + _NAMES
            axes = _axes(figure, left, bottom, width, height)
            _draw_difference(axes, grid, float_m)
            axes.set_title(label if row == 0 else "", fontsize=SMALL)
            axes.set_ylabel(f"weights\n{TITLES[granularity]}" if column == 0 else "")
    scale = _axes(figure, 1.5, 0.5, WIDTH - 3, _BAR)
    colors = ScalarMappable(Normalize(-MAP_MM, MAP_MM), ERROR_MAP)
    bar = figure.colorbar(colors, cax=scale, orientation="horizontal", extend="both")
    bar.set_ticks([*np.linspace(-MAP_MM, MAP_MM, 5)])
    bar.set_label("INT8 \N{MINUS SIGN} FP32, mm (blue is nearer, orange farther); below: median")
    return chart_png(figure)


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes without ticks and frame at a place in inches."""
    total = figure.get_figheight()
    axes = figure.add_axes((left / WIDTH, bottom / total, width / WIDTH, height / total))
    axes.set(xticks=[], yticks=[], frame_on=False)
    return axes


def _draw_difference(axes: Axes, grid: Grid, float_m: Grid) -> None:
    difference = 1000 * (grid - float_m)
    axes.set_xlabel(f"{np.median(np.abs(difference)):.0f} mm")
    colors: dict[str, Any] = {"cmap": ERROR_MAP, "vmin": -MAP_MM, "vmax": MAP_MM}
    axes.imshow(difference, aspect="auto", **colors)
