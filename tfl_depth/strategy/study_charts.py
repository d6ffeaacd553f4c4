"""The charts of a study, drawn from its results."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter

from tfl_depth.chart_style import (
    COLORS,
    GRAY,
    MARKERS,
    SMALL,
    WIDTH,
    chart_png,
    round_ticks,
    styled,
)
from tfl_depth.strategy.conclusions import TRAJECTORY, trajectory
from tfl_depth.strategy.experiments import GRANULARITIES, TITLES, Granularity
from tfl_depth.strategy.operator_names import short_names
from tfl_depth.strategy.results import StudyResults

OF_GRANULARITY: dict[Granularity, str] = {"per_channel": COLORS[0], "per_tensor": COLORS[1]}
OF_MAPS = COLORS[2]
OPERATORS = 20
# How much longer than the longest bar an axis is, so that there is room for its label.
LABEL_ROOM = 1.15
# Between what is drawn of one granularity and of the other, in places of the axis.
APART = 0.12
# Changes in percent that the axis is linear between, and logarithmic beyond.
LINEAR_PERCENT = 1


@styled
def trajectory_chart(results: StudyResults) -> bytes:
    """abs_rel from FP32 over the phases, with the 95 % interval of the change from FP32."""
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    axes = figure.subplots()
    # Before anything is drawn, so that the margins are those of this scale.
    axes.set_yscale("symlog", linthresh=LINEAR_PERCENT)
    axes.yaxis.set_major_formatter(lambda value, _: _percent(value))
    axes.margins(y=0.08)
    steps = {each: dict(trajectory(results, each)) for each in GRANULARITIES}
    # A phase may have been measured of one granularity only.
    labels = [each for each in TRAJECTORY if any(each in found for found in steps.values())]
    for place in range(0, len(labels), 2):
        axes.axvspan(place - 0.5, place + 0.5, color=GRAY, alpha=0.12, linewidth=0)
    for shift, marker, granularity in zip((-APART, APART), MARKERS, GRANULARITIES, strict=False):
        changes = {name: found.change["abs_rel"] for name, found in steps[granularity].items()}
        y = [100 * each.relative for each in changes.values()]
        below = [100 * (each.relative - each.low) for each in changes.values()]
        above = [100 * (each.high - each.relative) for each in changes.values()]
        axes.errorbar(
            [labels.index(name) + shift for name in changes],
            y,
            np.maximum([below, above], 0),
            marker=marker,
            capsize=3,
            color=OF_GRANULARITY[granularity],
            label=f"weights {TITLES[granularity]}",
        )
    axes.set_xticks(range(len(labels)), labels)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.axhline(0, color=GRAY, linewidth=1)
    axes.grid(axis="y")
    abs_rel = results.experiments["fp32"].metrics["abs_rel"]
    axes.set_title(f"change of abs_rel from FP32 ({abs_rel:.4f})")
    _legend_above(axes)
    return chart_png(figure)


@styled
def budget_chart(results: StudyResults) -> bytes:
    """The median deviation that each source brings by itself, and all together."""
    budget = results.budget
    bars = [(f"output step, {head}", found, GRAY) for head, found in budget.output_step.items()]
    bars.append(("feature maps", budget.feature_maps, OF_MAPS))
    for granularity, title in TITLES.items():
        color = OF_GRANULARITY[granularity]
        bars.append((f"weights, {title}", budget.weights[granularity], color))
        bars.append((f"weights and feature maps, {title}", budget.both[granularity], color))
    names, found, colors = zip(*reversed(bars), strict=True)
    values = [figures.deviation.median_mm for figures in found]
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    _bars(axes, names, values, colors)
    axes.set_title("median deviation from FP32 that each source brings")
    return chart_png(figure)


@styled
def ranges_chart(results: StudyResults) -> bytes:
    """Deviation over the range of the outputs: where the output step begins to rule."""
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    ranges = results.budget.ranges_mm
    x = [float(each) for each in ranges]
    for axes, granularity in zip(figure.subplots(1, 2, sharey=True), GRANULARITIES, strict=True):
        for head, style, marker in (("single", "--", "s"), ("split", "-", "o")):
            step = [each[head].output_step for each in ranges.values()]
            together = [each[head].together[granularity] for each in ranges.values()]
            label = "one output" if head == "single" else "exact split"
            axes.plot(x, step, style, color=GRAY, marker=marker, label=f"{label}: its step")
            color = OF_GRANULARITY[granularity]
            axes.plot(x, together, style, color=color, marker=marker, label=f"{label}: all")
        axes.set_title(f"weights {TITLES[granularity]}")
        axes.set_xlabel("range of the outputs, m")
        axes.xaxis.set_major_locator(round_ticks())
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.minorticks_off()
        axes.grid()
        axes.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    figure.axes[0].set_ylabel("median deviation from FP32, mm")
    return chart_png(figure)


@styled
def layers_chart(results: StudyResults) -> bytes:
    """The operators that bring the largest deviation when they alone are quantized."""
    sensitivity = results.sensitivity
    shown = short_names([*sensitivity.kinds])
    per_tensor = sensitivity.kernels["per_tensor"]
    worst = sorted(per_tensor.alone_mm, key=per_tensor.alone_mm.__getitem__)[-OPERATORS:]
    alone_mm = sensitivity.maps.alone_mm
    order = sorted(alone_mm, key=alone_mm.__getitem__)[-OPERATORS:]
    rows = (2 * len(worst), 1.4 * len(order))
    figure = Figure(figsize=(WIDTH, 0.13 * sum(rows) + 2), layout="constrained")
    kernels, maps = figure.subplots(2, 1, height_ratios=rows)
    places = np.arange(len(worst))
    for shift, granularity in zip((0.2, -0.2), GRANULARITIES, strict=True):
        values = [sensitivity.kernels[granularity].alone_mm[name] for name in worst]
        color, title = OF_GRANULARITY[granularity], TITLES[granularity]
        _bars(kernels, places + shift, values, color, height=0.4, label=title)
    marks = {name: " *" if name in per_tensor.to_mend else "" for name in worst}
    kernels.set_yticks(places, [shown[name] + marks[name] for name in worst])
    kernels.set_title("median deviation with one kernel in INT8 (*: to mend)")
    kernels.legend(loc="lower right")  # the shortest bars are below
    _bars(maps, [shown[name] for name in order], [alone_mm[name] for name in order], OF_MAPS)
    maps.set_title("median deviation with one feature map in INT8")
    return chart_png(figure)


def _bars(axes: Any, places: Any, values: Any, color: Any, **options: Any) -> None:
    """Horizontal bars of millimeters with their values."""
    bars = axes.barh(places, values, color=color, **options)
    axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=SMALL)
    axes.set_xlim(0, max(axes.get_xlim()[1], LABEL_ROOM * max(values)))
    axes.xaxis.set_major_locator(round_ticks())
    axes.xaxis.set_major_formatter("{x:g} mm")
    axes.tick_params(axis="y", length=0)
    axes.margins(y=0.02)


def _percent(value: float) -> str:
    return f"{value:+g} %".replace("-", "\N{MINUS SIGN}") if value else "0 %"


def _legend_above(axes: Any) -> None:
    """Beside the title, where no data is."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.01, 0.98), ncols=2)
