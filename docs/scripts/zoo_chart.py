"""The zoo's networks as a picture: time on NPUs against error, with the Pareto fronts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from docs.scripts.demo import ROOT
from tfl_depth.evaluation.charts import COLORS, MARKERS, chart_png

RESULTS = ROOT / "docs" / "figures" / "zoo_latency.json"
PICTURE = ROOT / "docs" / "images" / "zoo.png"
# Milliseconds, and an error.
Point = tuple[float, float]


def latencies() -> dict[str, dict[str, float]]:
    """Milliseconds of each checkpoint on each target, from the result file."""
    entries = json.loads(RESULTS.read_text(encoding="utf-8"))["entries"]
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
    figure = Figure(figsize=(4.5 * len(datasets), 4.5), layout="constrained")
    panels = figure.subplots(1, len(datasets), squeeze=False)[0]
    for panel, dataset in zip(panels, datasets, strict=True):
        names = [name for name in latency_ms if metrics[name]["dataset"] == dataset]
        errors = {name: metrics[name]["metrics"]["abs_rel"] for name in names}
        _draw(panel, {name: latency_ms[name] for name in names}, errors)
        panel.set_title(f"{dataset} {metrics[names[0]]['split']}", loc="left", fontsize=10)
    panels[0].set_ylabel("abs_rel in FP32 (less is better)")
    panels[0].legend(fontsize=8, title="Pareto front on", title_fontsize=8)
    return chart_png(figure)


def _draw(panel: Any, latency_ms: dict[str, dict[str, float]], errors: dict[str, float]) -> None:
    targets = next(iter(latency_ms.values()))
    for target, color, marker in zip(targets, COLORS, MARKERS, strict=False):
        points = [(times[target], errors[name]) for name, times in latency_ms.items()]
        panel.plot(*zip(*points, strict=True), marker, color=color)
        # A network that is slower and better begins a step: at its time nothing less was to be had.
        front = zip(*pareto_front(points), strict=True)
        panel.step(*front, marker=marker, color=color, where="post", label=target)
    for number, (name, times) in enumerate(latency_ms.items()):
        place = (min(times.values()), errors[name])
        above_or_below = (-4, -16 if number % 2 else 9)  # neighbors may be as good
        panel.annotate(name, place, above_or_below, textcoords="offset points", fontsize=8)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.margins(x=0.2)
    # From 0, or a difference of nothing looked like one.
    panel.set_ylim(0, 1.4 * max(errors.values()))
    panel.set_xlabel("milliseconds, as Vela estimates (int8, split head)")
    panel.grid(alpha=0.3)
