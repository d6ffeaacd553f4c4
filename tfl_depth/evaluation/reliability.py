"""A chart of a model's error by true distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from tfl_depth.chart_style import COLORS, GRAY, MARKERS, SMALL, WIDTH, chart_png, styled
from tfl_depth.evaluation.metrics import DistanceBin

Models = Mapping[str, Sequence[DistanceBin]]

# Metrics and the titles of their panels.
PANELS = {"abs_rel": "abs_rel (less is better)", "delta1": "delta1 (more is better)"}


@styled
def reliability_chart(models: Models, title: str) -> bytes:
    """Draw two metrics for each range of true distance, and the number of pixels below.

    Args:
        models: the bins of each model by its name. All have the same edges and images.
        title: the data of the measurement.

    Returns:
        The content of a PNG file.
    """
    counts = [each.pixels for each in next(iter(models.values()))]
    present = np.flatnonzero(counts)
    shown = slice(int(present[0]), int(present[-1]) + 1)
    models = {name: bins[shown] for name, bins in models.items()}
    figure = Figure(figsize=(WIDTH, 8), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    *panels, below = figure.subplots(len(PANELS) + 1, sharex=True, height_ratios=(3, 3, 2))
    for panel, metric in zip(panels, PANELS, strict=True):
        _draw_metric(panel, metric, models)
    panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    _draw_share(below, np.array(counts[shown]))
    bins = next(iter(models.values()))
    below.set_xticks(
        range(len(bins)), [f"{each.near_m:g}\N{EN DASH}{each.far_m:g}" for each in bins]
    )
    below.set_xlabel("true distance, m")
    return chart_png(figure)


def _draw_metric(panel: Any, metric: str, models: Models) -> None:
    for (name, bins), color, marker in zip(models.items(), COLORS, MARKERS, strict=False):
        values = [each.metrics[metric] if each.metrics else np.nan for each in bins]
        # Hollow, since the markers of similar models overlap.
        panel.plot(values, color=color, marker=marker, fillstyle="none", label=name)
    panel.set_ylim(0, 1.05 if metric.startswith("delta") else 1.1 * panel.dataLim.y1)
    panel.set_title(PANELS[metric])
    panel.grid()


def _draw_share(panel: Any, counts: Any) -> None:
    bars = panel.bar(range(len(counts)), counts / counts.sum(), color=GRAY)
    panel.bar_label(bars, [f"{count:,}" for count in counts], fontsize=SMALL, padding=2)
    panel.margins(y=0.25)
    panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    panel.set_title("share and number of pixels")
    panel.grid(axis="y")
