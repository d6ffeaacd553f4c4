"""`make pictures`: the drawings of the documents, as SVG, the same bytes each time.

python -m docs.scripts.make_pictures [FOLDER]    docs/images, where nothing else is said
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.scripts.diagrams import conversion_diagram, frame_diagram
from tfl_depth.chart_style import COLORS, GRAY, SETTINGS
from tfl_depth.encoding import CODES, Decoder, Spans, encode
from tfl_depth.files import write_whole

IMAGES = Path(__file__).resolve().parents[1] / "images"
# As in assets/site.css.
INTEGER, FRACTIONAL = COLORS[:2]
# Text stays text: a browser draws it in its own sans font.
SVG_SETTINGS = {**SETTINGS, "font.family": "sans-serif"}
SPANS = Spans.uniform(15)
# The example of all drawings, and of docs/contract.md.
DEPTH_M = 5.698

Floats = npt.NDArray[np.float64]


def main(argv: list[str]) -> int:
    """Draw them all; returns the exit status."""
    folder = Path(argv[0]) if argv else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        write_whole(folder / f"{name}.svg", as_svg(draw))
    return 0


def as_svg(draw: Callable[[], Figure]) -> bytes:
    """What a drawing function draws, without the time of day in it."""
    with matplotlib.rc_context(SVG_SETTINGS):
        content = io.BytesIO()
        draw().savefig(content, format="svg", metadata={"Date": None}, bbox_inches="tight")
    lines = content.getvalue().decode().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines).encode()


def levels() -> Figure:
    """A slope of half a meter through one byte, and through the split."""
    depth_m = np.linspace(2, 2.5, 2001)
    one_byte_m = np.rint(CODES * depth_m / SPANS.max_depth_m) * SPANS.max_depth_m / CODES
    split_m = Decoder(SPANS).decode(*encode(depth_m, SPANS)) / 1000
    figure, axes = _figure(8, 2.9, columns=2)
    titles = (
        f"one INT8 tensor: {1000 * SPANS.max_depth_m / CODES:.0f} mm steps",
        f"the split's two: {SPANS.steps_mm[0]:.1f} mm steps",
    )
    for ax, title, decoded_m, color in zip(
        axes, titles, (one_byte_m, split_m), (FRACTIONAL, INTEGER), strict=True
    ):
        ax.plot(depth_m, depth_m, color=GRAY, linewidth=3, alpha=0.5, label="true")
        ax.plot(depth_m, decoded_m, color=color, linewidth=1.4, label="decoded")
        ax.set(title=title, xlabel="true depth, m", xlim=(2, 2.5), ylim=(1.97, 2.53))
        ax.legend(loc="upper left")
    axes[0].set_ylabel("decoded depth, m")
    return figure


def thermometer() -> Figure:
    """How full each span is at one depth, and what the two sums make of that."""
    full = np.clip(DEPTH_M - np.asarray(SPANS.edges_m[:-1]), 0, 1)
    signs = (-1.0) ** np.arange(SPANS.count)
    figure, (ax,) = _figure(8, 2.7)
    colors = [INTEGER if sign > 0 else "#74b0d6" for sign in signs]
    spans = np.arange(SPANS.count)
    ax.bar(spans, np.ones(SPANS.count), 0.72, color="none", edgecolor=GRAY)
    ax.bar(spans, full, 0.72, color=colors)
    for k, sign in enumerate(signs):
        ax.text(k, -0.16, "+" if sign > 0 else "\N{MINUS SIGN}", ha="center")
    ax.text(5, 1.06, f"{full[5]:.3f}", ha="center", color=FRACTIONAL, fontweight="bold")
    for height, text, color in (
        (1.36, f"counted: {full.sum():.3f} spans are full", INTEGER),
        (1.12, f"added with the signs below: {full @ signs:.3f}", FRACTIONAL),
    ):
        ax.text(14.4, height, text, ha="right", color=color, fontweight="bold")
    ax.set(title=f"{DEPTH_M} m in 15 spans of 1 m", ylim=(-0.2, 1.55), yticks=[0, 1])
    ax.set_yticklabels(["empty", "full"])
    ax.set_xticks(spans, [f"{k}-{k + 1}" for k in spans], fontsize=9)
    ax.tick_params(length=0, pad=8)
    ax.spines["bottom"].set_visible(False)
    return figure


def codes() -> Figure:
    """Both tensors against depth, with the example marked."""
    depth_m = np.linspace(0, 8, 1601)
    integer, fractional = encode(depth_m, SPANS)
    figure, axes = _figure(8, 3.6, rows=2, sharex=True)
    example = encode(DEPTH_M, SPANS)
    rows = (("integer", integer, INTEGER), ("fractional", fractional, FRACTIONAL))
    for ax, (name, values, color), at_example in zip(axes, rows, example, strict=True):
        code = int(at_example)
        ax.plot(depth_m, values, color=color, linewidth=1.4)
        ax.plot([DEPTH_M], [code], "o", color=color)
        ax.axvline(DEPTH_M, color=GRAY, linestyle=":", linewidth=1)
        ax.annotate(
            f"{name} = {code}", (DEPTH_M, code), (8, -3), textcoords="offset points", color=color
        )
        ax.set(title=f"{name}, code", xlim=(0, 8))
        for k in range(1, 8, 2):
            ax.axvspan(k, k + 1, color=GRAY, alpha=0.12, linewidth=0)
    axes[0].set_yticks(range(0, 137, 17))
    axes[1].set_yticks([0, 128, 255])
    axes[1].set_xlabel("depth, m (odd spans are shaded: there the fraction falls)")
    return figure


def boundary() -> Figure:
    """Two readings of one depth, 4 mm apart, near a span boundary: a sawtooth and the fold."""
    depth_m = np.linspace(2.95, 3.05, 1001)
    apart_m = 0.004
    count_m, place_m = depth_m + apart_m / 2, depth_m - apart_m / 2
    fraction = np.rint(CODES * (place_m - np.floor(place_m)))
    sawtooth_m = np.floor(count_m) + fraction / CODES
    folded_m = Decoder(SPANS).decode(encode(count_m, SPANS)[0], encode(place_m, SPANS)[1]) / 1000
    figure, (ax,) = _figure(8, 2.6)
    for name, decoded_m, color in (
        ("whole meters and a sawtooth fraction", sawtooth_m, FRACTIONAL),
        ("whole meters and a folded fraction", folded_m, INTEGER),
    ):
        error_mm = np.maximum(1000 * np.abs(decoded_m - depth_m), 0.1)
        ax.plot(depth_m, error_mm, color=color, linewidth=1.4, label=name)
    ax.set(
        title="two tensors that see depths 4 mm apart", yscale="log", ylim=(0.1, 3000),
        xlabel="true depth, m", ylabel="error, mm", xlim=(2.95, 3.05),
    )  # fmt: skip
    ax.set_yticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1000"])
    ax.legend(loc="upper left")
    return figure


def steps() -> Figure:
    """The step of the code against depth, for three ways of coding up to 80 m."""
    growing = Spans((0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 80.0))
    uniform = Spans.uniform(80)
    figure, (ax,) = _figure(8, 2.8)
    lines = (
        ("one INT8 tensor", Spans((0.0, 80.0)), FRACTIONAL),
        ("split, 80 spans of 1 m", uniform, GRAY),
        ("split, spans 0,1,2,4,8,16,32,80", growing, INTEGER),
    )
    for name, spans, color in lines:
        ax.stairs(
            spans.steps_mm, spans.edges_m, baseline=None, color=color, linewidth=1.8, label=name
        )
    ax.set(
        title="step of the code, mm", xlabel="depth, m", xscale="log", yscale="log",
        xlim=(0.3, 80), ylim=(1.5, 900),
    )  # fmt: skip
    ax.set_xticks([0.5, 1, 2, 4, 8, 16, 32, 80], ["0.5", "1", "2", "4", "8", "16", "32", "80"])
    ax.set_yticks([4, 16, 63, 188, 314], ["4", "16", "63", "188", "314"])
    ax.minorticks_off()
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.86))
    return figure


def _figure(
    width: float, height: float, *, rows: int = 1, columns: int = 1, sharex: bool = False
) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=sharex)
    return figure, list(axes.ravel())


PICTURES = {
    "split-levels": levels,
    "split-thermometer": thermometer,
    "split-codes": codes,
    "split-boundary": boundary,
    "split-steps": steps,
    "conversion": conversion_diagram,
    "frame": frame_diagram,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
