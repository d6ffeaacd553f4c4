"""The one style of all pictures that matplotlib draws: font, colors, sizes, scales, file format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from tfl_depth.runtime.colorize import NO_DEPTH_BGR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# M. Okabe and K. Ito, "Color Universal Design" (2008), the darker ones; each with a marker, so that
# they differ in gray, too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D")
INK, SOFT, GRAY, GRID = "#1b2733", "#4d5965", "#8a94a0", "#d9dde2"
# Near is bright. Cividis is for color-blind readers too (Nunez et al., PLOS ONE 2018).
DEPTH_MAP = "cividis_r"
# As in `tfl-depth view`: blue is nearer, orange is farther, light is no error.
ERROR_MAP = LinearSegmentedColormap.from_list(
    "error", ["#2166ac", "#92c5de", "#f0f0f0", "#fdb863", "#b35806"]
)
NO_DEPTH = "#{2:02x}{1:02x}{0:02x}".format(*NO_DEPTH_BGR)
# A picture has 1,200 pixels across. A page shows half of them, where text of 9 points has 9 pixels.
WIDTH, DOTS_PER_INCH = 8.0, 150
SMALL = 9
# Any: matplotlib types the keys as literals, and only in its stubs.
SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRAY,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "font.family": "DejaVu Sans",  # matplotlib brings it
    "font.size": 10,
    "grid.color": GRID,
    "image.cmap": DEPTH_MAP,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "svg.fonttype": "none",
    "svg.hashsalt": "tfl-depth",
    "text.color": INK,
    "text.parse_math": False,  # names of files and operators may have dollar signs
    "xtick.color": GRAY,
    "xtick.labelcolor": SOFT,
    "xtick.labelsize": SMALL,
    "ytick.color": GRAY,
    "ytick.labelcolor": SOFT,
    "ytick.labelsize": SMALL,
}
# Decorates a function that draws.
styled = matplotlib.rc_context(SETTINGS)


def round_ticks(most: int = 5) -> MaxNLocator:
    """Ticks at multiples of 1, 2 or 5, at most `most` and one."""
    return MaxNLocator(most, steps=[1, 2, 5, 10])


def round_up(value: float) -> float:
    """The next larger of 1, 2 and 5 times a power of ten; 1 for 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(each * power for each in (1, 2, 5, 10) if each * power >= value * (1 - 1e-9)))


class ChartPng(bytes):
    """The content of a PNG file, which a notebook shows as a picture."""

    def __repr__(self) -> str:
        return f"<ChartPng of {len(self):,} bytes>"

    def _repr_png_(self) -> bytes:
        return bytes(self)


def chart_png(figure: Figure) -> ChartPng:
    """The content of a PNG file."""
    _without_surrogates(figure)
    buffer = io.BytesIO()
    # No date and no version inside: the same values make the same file.
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return ChartPng(buffer.getvalue())


def chart_bgr(figure: Figure) -> npt.NDArray[np.uint8]:
    """The pixels (H, W, 3), BGR."""
    _without_surrogates(figure)
    figure.set_dpi(DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    rgba = np.asarray(canvas.buffer_rgba(), np.uint8)  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(rgba[..., 2::-1])


def _without_surrogates(figure: Figure) -> None:
    """Names of files need not be UTF-8, which matplotlib wants."""
    for text in figure.findobj(Text):
        text.set_text(text.get_text().encode(errors="backslashreplace").decode())
