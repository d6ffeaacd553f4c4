"""The report's pictures, drawn from the results."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from tfl_depth.strategy.rows import GRANULARITIES, PER_CHANNEL
from tfl_depth.strategy.verdicts import trajectory

# Two of Okabe and Ito's colours, which all eyes tell apart, and a third for what is neither.
COLOURS = {"per channel": "#0072B2", "per tensor": "#D55E00"}
THIRD = "#009E73"
# One scale for all maps: deviations beyond it look alike.
MAP_MM = 300
LAYERS = 20

Results = dict[str, Any]


def trajectory_chart(results: Results) -> bytes:
    """abs_rel from FP32 over the phases, with the 95 % interval of the change from FP32."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    fp32 = results["rows"]["fp32"]["metrics"]["abs_rel"]
    for shift, granularity in zip((-0.06, 0.06), GRANULARITIES, strict=True):
        rows = trajectory(results, granularity)
        x = np.arange(len(rows)) + shift
        changes = [row["change"]["abs_rel"] for _, row in rows]
        y = [100 * change["relative"] for change in changes]
        ends = [[100 * abs(c["relative"] - c[end]) for c in changes] for end in ("low", "high")]
        axes.errorbar(
            x, y, ends, marker="o", capsize=3, color=COLOURS[granularity],
            label=f"weights {granularity}",
        )  # fmt: skip
        axes.set_xticks(range(len(rows)), [label for label, _ in rows])
    axes.set_yscale("symlog", linthresh=1)
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.axhline(0, color="grey", linewidth=0.8, linestyle="--")
    axes.set_ylabel("change of abs_rel from FP32, %")
    axes.set_title(f"{results['checkpoint']}: FP32 abs_rel {fp32:.4f}", loc="left")
    axes.legend(frameon=False)
    axes.grid(axis="y", alpha=0.3)
    return _png(figure)


def budget_chart(results: Results) -> bytes:
    """The median deviation that each source brings by itself, and all together."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    names, values, colours = [], [], []
    for granularity in reversed(GRANULARITIES):
        for source, figures in list(results["budget"]["sources"][granularity].items())[::-1]:
            if source == "feature maps" and granularity != PER_CHANNEL:
                continue
            alone = source == "feature maps"
            names.append(source if alone else f"{source}, {granularity}")
            values.append(figures["fidelity"]["median_mm"])
            colours.append(THIRD if alone else COLOURS[granularity])
    own = results["budget"]["ranges"][f"{results['max_depth_m']:g}"]
    for head, figures in own.items():
        names.append(f"output step, {head}")
        values.append(figures["output step"]["fidelity"]["median_mm"])
        colours.append("grey")
    bars = axes.barh(names, values, color=colours)
    axes.bar_label(bars, fmt="%.1f mm", padding=3)
    axes.set_xscale("log")
    axes.set_xlabel("median deviation from FP32, mm")
    # Room for the labels.
    axes.set_xlim(right=3 * max(values))
    return _png(figure)


def ranges_chart(results: Results) -> bytes:
    """Deviation over the range of the outputs: where the output step begins to rule."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    ranges = results["budget"]["ranges"]
    x = [float(each) for each in ranges]
    for axes, granularity in zip(figure.subplots(1, 2, sharey=True), GRANULARITIES, strict=True):
        for head, style in (("one output", "--"), ("exact split", "-")):
            for what, colour in (
                ("output step", "grey"),
                (f"together, {granularity}", COLOURS[granularity]),
            ):
                y = [ranges[each][head][what]["fidelity"]["median_mm"] for each in ranges]
                label = f"{head}: {'all' if what != 'output step' else 'output step'}"
                axes.plot(x, y, style, color=colour, marker=".", label=label)
        axes.set_title(f"weights {granularity}", loc="left")
        axes.set_xlabel("range of the outputs, m")
        axes.set_yscale("log")
        axes.grid(alpha=0.3)
        # Below, where no line runs.
        axes.legend(
            frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16)
        )
    figure.axes[0].set_ylabel("median deviation from FP32, mm")
    return _png(figure)


def layers_chart(results: Results) -> bytes:
    """The layers that bring the largest deviation when they alone are quantised."""
    attribution = results["attribution"]
    figure = Figure(figsize=(9, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    worst = sorted(
        attribution["per tensor"]["alone"], key=attribution["per tensor"]["alone"].__getitem__
    )[-LAYERS:]
    places = np.arange(len(worst))
    for shift, granularity in zip((0.2, -0.2), GRANULARITIES, strict=True):
        values = [attribution[granularity]["alone"][name] for name in worst]
        left.barh(places + shift, values, 0.4, color=COLOURS[granularity], label=granularity)
    named = set(attribution["per tensor"]["named"])
    left.set_yticks(places, [f"{name} *" if name in named else name for name in worst], fontsize=8)
    left.set_title("one kernel in int8 (*: to mend)", loc="left")
    left.legend(frameon=False)
    maps = attribution["maps"]["alone"]
    order = sorted(maps, key=maps.__getitem__)[-LAYERS:]
    right.barh(order, [maps[name] for name in order], color=THIRD)
    right.tick_params(axis="y", labelsize=8)
    right.set_title("one feature map in int8", loc="left")
    for axes in (left, right):
        axes.set_xlabel("median deviation, mm")
    return _png(figure)


def scene_chart(
    float_m: npt.NDArray[np.floating],
    phases: Mapping[str, Sequence[tuple[str, npt.NDArray[np.floating]]]],
) -> bytes:
    """One scene: FP32 depth, and how far each phase is from it, on one scale.

    The photo is not drawn: a dataset's terms may not let it go where a report goes.

    Args:
        float_m: (h, w) in metres.
        phases: by granularity of the weights, a label and the depth (h, w) of each phase.
    """
    columns = 1 + max(map(len, phases.values()))
    figure = Figure(figsize=(2.1 * columns, 5), layout="constrained")
    panels = figure.subplots(len(phases), columns)
    # A title of two lines is else cut off at the top.
    figure.suptitle(" ", fontsize=8)
    for axes in panels.ravel():
        axes.set_axis_off()
    depth = panels[0, 0].imshow(float_m, cmap="cividis_r")
    panels[0, 0].set_title("FP32 depth, m", loc="left", fontsize=9)
    below = panels[1, 0].inset_axes((0.0, 0.94, 0.95, 0.06))
    figure.colorbar(depth, cax=below, orientation="horizontal")
    for row, (granularity, shown) in zip(panels, phases.items(), strict=True):
        for axes, (label, grid) in zip(row[1:], shown, strict=False):
            difference = 1000 * (grid - float_m)
            last = axes.imshow(difference, cmap="PuOr", vmin=-MAP_MM, vmax=MAP_MM)
            far = np.median(np.abs(difference))
            title = " ".join(label.split())
            axes.set_title(f"{title}: {far:.0f} mm\n{granularity}", loc="left", fontsize=8)
    figure.colorbar(last, ax=panels, shrink=0.7, extend="both", label="INT8 - FP32, mm")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # No date and no version inside: the same results make the same file.
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
