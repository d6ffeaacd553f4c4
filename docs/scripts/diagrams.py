"""The two diagrams of docs/architecture.md: boxes, and arrows from one to the next."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from tfl_depth.chart_style import INK

LIGHT, HEAVY = "#e4eff7", "#fbe6d8"
_WIDTH, _HEIGHT, _GAP = 2.0, 1.05, 0.5

# What a box says: its title, the module that does it.
Box = tuple[str, str]

CONVERSION: tuple[tuple[Box, ...], ...] = (
    (
        ("your network", ".keras, .onnx, .pt2,\n.tflite, SavedModel"),
        ("import", "a float .tflite,\nand the source to\ncompare with"),
        ("plain form", "the internal graph,\nwithout what only\ntraining needs"),
        ("input", "normalization found,\npixels become the\ninput"),
        ("head", "depth = g(y), y the\nlast linear value"),
    ),
    (
        ("int8 form", "exact rewrites of\nwhat int8 cannot\nhold"),
        ("recipe", "weights chosen by\ncalibration photos"),
        ("spans", "edges in y, three\nconvolutions"),
        ("ranges", "of each feature map"),
        ("write", "int8, int16x8 or\nfloat operators"),
    ),
    (
        ("check", "operators beside\nfloat ones; types,\nscales, names"),
        ("verify", "against the source\non other photos"),
        ("golden vectors", "the reference\nkernels' depth"),
        ("contract", "into the file, with\nits digest"),
        ("target", "Vela or a table:\nplacement"),
    ),
)
FRAME: tuple[tuple[Box, ...], ...] = (
    (
        ("image", "path, PIL, array,\ncamera, video"),
        ("preprocess", "resize, to RGB,\ninto the input"),
        ("engine", "interpreter, its\ndelegate, or another\nprocess"),
        ("postprocess", "two codes to mm,\nself-check"),
        ("upsample", "to the image's size"),
        ("depth_mm", "uint16, 0 = none"),
    ),
)


def conversion_diagram() -> Figure:
    """The way of a network to a .tflite file."""
    return _diagram(CONVERSION, HEAVY)


def frame_diagram() -> Figure:
    """The way of an image to millimeters."""
    return _diagram(FRAME, LIGHT)


def _diagram(rows: tuple[tuple[Box, ...], ...], color: str) -> Figure:
    columns = max(map(len, rows))
    width = columns * (_WIDTH + _GAP)
    height = len(rows) * (_HEIGHT + _GAP)
    figure = Figure(figsize=(0.72 * width, 0.72 * height), layout="constrained")
    ax = figure.subplots()
    ax.set(xlim=(-0.1, width - _GAP + 0.1), ylim=(-0.1, height - _GAP + 0.1), aspect="equal")
    ax.axis("off")
    for row, boxes in enumerate(rows):
        bottom = height - _GAP - _HEIGHT - row * (_HEIGHT + _GAP)
        for column, box in enumerate(boxes):
            left = column * (_WIDTH + _GAP)
            _draw_box(ax, box, left, bottom, color)
            if column > 0:
                _draw_arrow(ax, (left - _GAP, bottom + _HEIGHT / 2), (left, bottom + _HEIGHT / 2))
        if row > 0:
            _draw_turn(ax, width - _GAP - _WIDTH / 2, bottom + _HEIGHT)
    return figure


def _draw_box(ax: Axes, box: Box, left: float, bottom: float, color: str) -> None:
    title, text = box
    ax.add_patch(
        FancyBboxPatch(
            (left, bottom), _WIDTH, _HEIGHT, boxstyle="round,pad=0,rounding_size=0.1",
            facecolor=color, edgecolor=INK, linewidth=0.8,
        )
    )  # fmt: skip
    middle = left + _WIDTH / 2
    ax.text(middle, bottom + _HEIGHT - 0.1, title, ha="center", va="top", fontweight="bold")
    ax.text(middle, bottom + _HEIGHT - 0.42, text, ha="center", va="top", fontsize=8)


def _draw_arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1})


def _draw_turn(ax: Axes, right: float, top: float) -> None:
    """From the end of a row to the beginning of the next."""
    middle, left = top + _GAP / 2, _WIDTH / 2
    ax.plot([right, right, left], [top + _GAP, middle, middle], color=INK, linewidth=1)
    _draw_arrow(ax, (left, middle), (left, top))
