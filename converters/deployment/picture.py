"""A chart of a placement: the time of each operator, and the operators outside the NPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.deployment.placement import (
    CPU,
    GPU,
    NPU,
    UNKNOWN,
    Estimate,
    Place,
    PlacedOperator,
    Placement,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Blue, orange, purple, gray: they differ with every kind of color-blindness.
COLORS: dict[Place, str] = {NPU: "#0072B2", CPU: "#D55E00", GPU: "#CC79A7", UNKNOWN: "#8A94A0"}
NAMES: dict[Place, str] = {NPU: "NPU", CPU: "CPU", GPU: "GPU", UNKNOWN: "place unknown"}
# Of operators on the NPU, as many as cost the most have a bar of their own.
SHOWN = 30
LONGEST_LAYER = 36
# Heights in inches: of a row, and of the title and the axis.
_ROW, _AROUND = 0.21, 1.3
# How long the bar of an unknown time is, of the longest.
_UNKNOWN = 0.1


class _Row(NamedTuple):
    name: str
    place: Place
    cycles: int | None
    drawn: bool = True


def placement_picture(placement: Placement, title: str) -> npt.NDArray[np.uint8]:
    """Draw a bar for each operator in the order of execution: its time, colored by where it runs.

    Operators outside the NPU, and the 30 that take the longest on it, have a bar; the others share
    the last row. A bar is short and hatched where the time is unknown, as on the CPU.

    Args:
        placement: with at least one operator.
        title: of the chart.

    Returns:
        (H, 1200, 3) uint8, BGR.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from tfl_depth.chart_style import chart_bgr, styled

    return styled(lambda: chart_bgr(_figure(placement, title)))()


def _figure(placement: Placement, title: str) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from tfl_depth.chart_style import WIDTH

    rows = _rows(placement)
    figure = Figure(figsize=(WIDTH, _AROUND + _ROW * len(rows)), layout="constrained")
    figure.suptitle(f"{title}: {_total(placement)}", x=0.01, ha="left")
    axes = figure.subplots()
    _draw(axes, rows, placement.estimate)
    patches = [
        Patch(color=COLORS[place], label=f"{NAMES[place]}: {len(at)}")
        for place in NAMES
        if (at := placement.at(place))
    ]
    axes.legend(handles=patches, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(patches))
    return figure


def _rows(placement: Placement) -> list[_Row]:
    """Those of operators outside the NPU and of the longest on it; the others share one."""
    on_npu = sorted(placement.at(NPU), key=lambda each: each.cycles or 0, reverse=True)
    others = on_npu[SHOWN:]
    left_out = {id(each) for each in others}
    rows = [
        _Row(f"{each.kind}  {layer}", each.place, each.cycles)
        for each, layer in zip(placement.operators, _layers(placement), strict=True)
        if id(each) not in left_out
    ]
    if others:
        cycles = [each.cycles for each in others if each.cycles is not None]
        name = f"{len(others)} others"
        rows.append(_Row(name, NPU, sum(cycles) if cycles else None, drawn=False))
    return rows


def _layers(placement: Placement) -> list[str]:
    """The layer in each operator's name: two parts behind what all names begin with."""
    parts = [each.name.partition(";")[0].split("/") for each in placement.operators]
    inner = [each[:-1] for each in parts if len(each) > 1]
    common = 0
    if len(inner) > 1:
        shared = (len(set(column)) == 1 for column in zip(*inner, strict=False))
        common = next((k for k, same in enumerate(shared) if not same), min(map(len, inner)))
    layers = ("/".join(each[common : common + 2] if len(each) > 1 else each) for each in parts)
    return [each[-LONGEST_LAYER:] for each in layers]


def _draw(axes: Axes, rows: list[_Row], estimate: Estimate | None) -> None:
    from tfl_depth.chart_style import SMALL, round_ticks

    unit = 1.0 if estimate is None else 1000 / estimate.clock_hz
    values = [unit * (row.cycles or 0) for row in rows]
    longest = max((v for v, row in zip(values, rows, strict=True) if row.drawn), default=0) or 1
    total = sum(row.cycles or 0 for row in rows) or 1
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        # Short and hatched where the time is unknown.
        width = _UNKNOWN * longest if row.cycles is None else value
        look: dict[str, Any] = {"color": "none", "edgecolor": COLORS[row.place], "hatch": "/////"}
        if row.cycles is not None:
            look = {"color": COLORS[row.place]}
        bar = axes.barh(place, width * row.drawn, 0.7, **look)
        axes.bar_label(bar, [_label(row, value, total)], padding=4, fontsize=SMALL)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.35 * longest)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(round_ticks())
    axes.xaxis.set_visible(estimate is not None)
    axes.set_xlabel("ms, estimated")


def _label(row: _Row, milliseconds: float, total: int) -> str:
    where = "" if row.place == NPU else f"{NAMES[row.place]}, "
    if row.cycles is None:
        return f"{where}time unknown"
    return f"{where}{milliseconds:.2f} ms, {100 * row.cycles / total:.1f} %"


def _total(placement: Placement) -> str:
    if placement.milliseconds is None:
        return "time of a frame unknown"
    return f"{placement.milliseconds:.1f} ms a frame, estimated"


def short_name(operator: PlacedOperator) -> str:
    """Return an operator's kind and the end of its tensor's name, which contains the layer's."""
    layer = "/".join(operator.name.partition(";")[0].split("/")[-2:])
    return f"{operator.kind} {layer}"
