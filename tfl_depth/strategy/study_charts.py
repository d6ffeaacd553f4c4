"""The report's pictures, drawn from the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from tfl_depth.evaluation.charts import chart_png
from tfl_depth.strategy.conclusions import trajectory
from tfl_depth.strategy.experiments import GRANULARITIES, TITLES, Granularity
from tfl_depth.strategy.operator_names import short_names
from tfl_depth.strategy.results import StudyResults

# Three of Okabe and Ito's colors, which all eyes tell apart.
COLORS: dict[Granularity, str] = {"per_channel": "#0072B2", "per_tensor": "#D55E00"}
THIRD = "#009E73"
# One scale for all maps: deviations beyond it look alike.
MAP_MM = 300
OPERATORS = 20
# How much wider than the longest bar an axis is, so that there is room for labels.
LABEL_ROOM = 3


def trajectory_chart(results: StudyResults) -> bytes:
    """abs_rel from FP32 over the phases, with the 95 % interval of the change from FP32."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    # Before anything is drawn, so that the margins are those of this scale.
    axes.set_yscale("symlog", linthresh=1)
    axes.yaxis.set_major_formatter(ScalarFormatter())
    for shift, granularity in zip((-0.06, 0.06), GRANULARITIES, strict=True):
        steps = trajectory(results, granularity)
        changes = [found.change["abs_rel"] for _, found in steps]
        y = [100 * each.relative for each in changes]
        below = [100 * (each.relative - each.low) for each in changes]
        above = [100 * (each.high - each.relative) for each in changes]
        axes.errorbar(
            np.arange(len(steps)) + shift,
            y,
            np.maximum([below, above], 0),
            marker="o",
            capsize=3,
            color=COLORS[granularity],
            label=f"weights {TITLES[granularity]}",
        )
        axes.set_xticks(range(len(steps)), [label for label, _ in steps])
    axes.axhline(0, color="gray", linewidth=0.8, linestyle="--")
    axes.set_ylabel("change of abs_rel from FP32, %")
    abs_rel = results.experiments["fp32"].metrics["abs_rel"]
    axes.set_title(f"{results.network}: FP32 abs_rel {abs_rel:.4f}", loc="left")
    axes.legend(frameon=False)
    axes.grid(axis="y", alpha=0.3)
    return chart_png(figure)


def budget_chart(results: StudyResults) -> bytes:
    """The median deviation that each source brings by itself, and all together."""
    budget = results.budget
    bars = [
        (f"output step, {head}", figures, "gray") for head, figures in budget.output_step.items()
    ]
    bars.append(("feature maps", budget.feature_maps, THIRD))
    for granularity, title in TITLES.items():
        color = COLORS[granularity]
        bars.append((f"weights, {title}", budget.weights[granularity], color))
        bars.append((f"weights and feature maps, {title}", budget.both[granularity], color))
    names, found, colors = zip(*bars, strict=True)
    values = [figures.deviation.median_mm for figures in found]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.bar_label(axes.barh(names, values, color=colors), fmt="%.1f mm", padding=3)
    axes.set_xscale("log")
    axes.set_xlabel("median deviation from FP32, mm")
    axes.set_xlim(right=LABEL_ROOM * max(values))
    return chart_png(figure)


def ranges_chart(results: StudyResults) -> bytes:
    """Deviation over the range of the outputs: where the output step begins to rule."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    ranges = results.budget.ranges_mm
    x = [float(each) for each in ranges]
    for axes, granularity in zip(figure.subplots(1, 2, sharey=True), GRANULARITIES, strict=True):
        for head, style in (("single", "--"), ("split", "-")):
            step = [each[head].output_step for each in ranges.values()]
            together = [each[head].together[granularity] for each in ranges.values()]
            label = "one output" if head == "single" else "exact split"
            axes.plot(x, step, style, color="gray", marker=".", label=f"{label}: step")
            color = COLORS[granularity]
            axes.plot(x, together, style, color=color, marker=".", label=f"{label}: all")
        axes.set_title(f"weights {TITLES[granularity]}", loc="left")
        axes.set_xlabel("range of the outputs, m")
        axes.set_yscale("log")
        axes.grid(alpha=0.3)
        # At the bottom, where there is no line.
        axes.legend(
            frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16)
        )
    figure.axes[0].set_ylabel("median deviation from FP32, mm")
    return chart_png(figure)


def layers_chart(results: StudyResults) -> bytes:
    """The operators with the largest deviation when quantized alone."""
    sensitivity = results.sensitivity
    shown = short_names([*sensitivity.kinds])
    per_tensor = sensitivity.kernels["per_tensor"]
    figure = Figure(figsize=(10, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    worst = sorted(per_tensor.alone_mm, key=per_tensor.alone_mm.__getitem__)[-OPERATORS:]
    places = np.arange(len(worst))
    for shift, granularity in zip((0.2, -0.2), GRANULARITIES, strict=True):
        values = [sensitivity.kernels[granularity].alone_mm[name] for name in worst]
        color, title = COLORS[granularity], TITLES[granularity]
        left.barh(places + shift, values, 0.4, color=color, label=title)
    marks = {name: " *" if name in per_tensor.to_mend else "" for name in worst}
    left.set_yticks(places, [shown[name] + marks[name] for name in worst], fontsize=8)
    left.set_title("one kernel in int8 (*: to mend)", loc="left")
    left.legend(frameon=False)
    alone_mm = sensitivity.maps.alone_mm
    order = sorted(alone_mm, key=alone_mm.__getitem__)[-OPERATORS:]
    right.barh([shown[name] for name in order], [alone_mm[name] for name in order], color=THIRD)
    right.tick_params(axis="y", labelsize=8)
    right.set_title("one feature map in int8", loc="left")
    for axes in (left, right):
        axes.set_xlabel("median deviation, mm")
    return chart_png(figure)


def scene_chart(
    float_m: npt.NDArray[np.floating[Any]],
    phases: Mapping[Granularity, Sequence[tuple[str, npt.NDArray[np.floating[Any]]]]],
) -> bytes:
    """One scene: FP32 depth, and how far each phase is from it, on one scale.

    The photo is not drawn, since a dataset's terms may not allow it in a report.

    Args:
        float_m: (h, w) in meters.
        phases: by granularity of the weights, a label and the depth (h, w) of each phase.
    """
    columns = 1 + max(map(len, phases.values()))
    figure = Figure(figsize=(2.1 * columns, 5), layout="constrained")
    panels = figure.subplots(len(phases), columns, squeeze=False)
    # A title of two lines is else cut off at the top.
    figure.suptitle(" ", fontsize=8)
    for axes in panels.ravel():
        axes.set_axis_off()
    depth = panels[0, 0].imshow(float_m, cmap="cividis_r")
    panels[0, 0].set_title("FP32 depth, m", loc="left", fontsize=9)
    below = panels[1, 0].inset_axes((0.0, 0.94, 0.95, 0.06))
    figure.colorbar(depth, cax=below, orientation="horizontal")
    last = None
    for row, (granularity, shown) in zip(panels, phases.items(), strict=True):
        for axes, (label, grid) in zip(row[1:], shown, strict=False):
            difference = 1000 * (grid - float_m)
            last = axes.imshow(difference, cmap="PuOr", vmin=-MAP_MM, vmax=MAP_MM)
            title = f"{' '.join(label.split())}: {np.median(np.abs(difference)):.0f} mm"
            axes.set_title(f"{title}\n{TITLES[granularity]}", loc="left", fontsize=8)
    if last is not None:
        figure.colorbar(last, ax=panels, shrink=0.7, extend="both", label="INT8 - FP32, mm")
    return chart_png(figure)
