"""The zoo's networks as a picture: time on NPUs against error, with the Pareto fronts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from docs.scripts.demo import ROOT
from docs.scripts.result_file import read_result
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

RESULTS = ROOT / "docs" / "figures" / "zoo_latency.json"
PICTURE = ROOT / "docs" / "images" / "zoo.png"
# The height of a label, of a panel's height.
LABEL_SHARE = 0.1
# Milliseconds, and an error.
Point = tuple[float, float]


def latencies() -> dict[str, dict[str, float]]:
    """Milliseconds of each checkpoint on each target, from the result file."""
    entries = read_result(RESULTS)["entries"]
    return {
        name: {target: each["milliseconds"] for target, each in entry["targets"].items()}
        for name, entry in entries.items()
    }


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in one coordinate without losing in the other, from left."""
    front: list[Point] = []
    for point in sorted(points):
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return front


@styled
def zoo_picture(
    latency_ms: dict[str, dict[str, float]], metrics: dict[str, dict[str, Any]]
) -> bytes:
    """A panel for each dataset, as an error on one says nothing beside an error on another.

    Args:
        latency_ms: of checkpoint and target.
        metrics: the metrics.json of each checkpoint.

    Returns:
        The content of a PNG file.
    """
    datasets = sorted({metrics[name]["dataset"] for name in latency_ms})
    figure = Figure(figsize=(WIDTH, 3 * len(datasets)), layout="constrained")
    panels = figure.subplots(len(datasets), 1, squeeze=False, sharex=True)[:, 0]
    for panel, dataset in zip(panels, datasets, strict=True):
        names = [name for name in latency_ms if metrics[name]["dataset"] == dataset]
        errors = {name: metrics[name]["metrics"]["abs_rel"] for name in names}
        _draw(panel, {name: latency_ms[name] for name in names}, errors)
        panel.set_title(f"error on {dataset} {metrics[names[0]]['split']} (abs_rel)")
    panels[0].legend(loc="lower right", bbox_to_anchor=(1.35, 0.98), ncols=3)
    panels[-1].set_xlabel("ms a frame as Vela estimates it (INT8, split head)")
    return chart_png(figure)


def _draw(panel: Any, latency_ms: dict[str, dict[str, float]], errors: dict[str, float]) -> None:
    targets = next(iter(latency_ms.values()))
    for target, color, marker in zip(targets, COLORS, MARKERS, strict=False):
        points = [(times[target], errors[name]) for name, times in latency_ms.items()]
        panel.plot(*zip(*points, strict=True), marker, color=color)
        # A network that is slower and better begins a step: at its time nothing less was to be had.
        front = zip(*pareto_front(points), strict=True)
        panel.step(*front, marker=marker, color=color, where="post", label=target)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.yaxis.set_major_locator(round_ticks())
    panel.margins(x=0.1)
    # From 0, or a difference of nothing looked like one.
    panel.set_ylim(0, 1.2 * max(errors.values()))
    panel.grid()
    _name(panel, errors)


def _name(panel: Any, errors: dict[str, float]) -> None:
    """Write the networks' names beside the panel, each with a line to its error."""
    top = panel.get_ylim()[1]
    names = sorted(errors, key=errors.__getitem__)
    places = spread([errors[name] / top for name in names], LABEL_SHARE)
    for name, place in zip(names, places, strict=True):
        panel.axhline(errors[name], color=GRAY, linewidth=0.8, linestyle=":", zorder=1)
        panel.annotate(
            f"{name.rpartition('-')[0]}  {errors[name]:.3f}", (1, errors[name] / top),
            (1.04, place), xycoords="axes fraction", va="center", fontsize=SMALL,
            arrowprops={"arrowstyle": "-", "color": GRAY, "linewidth": 0.8},
        )  # fmt: skip


def spread(places: Sequence[float], apart: float) -> list[float]:
    """Move sorted places as far apart as labels need, and keep their middle."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + apart) if moved else place)
    shift = (sum(moved) - sum(places)) / max(len(places), 1)
    return [place - shift for place in moved]
