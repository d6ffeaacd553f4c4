"""Colors for all charts, chosen for color-blind readers, and their file format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matplotlib.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# M. Okabe and K. Ito, "Color Universal Design" (2008), the darker ones. Each has its
# own marker, for print in gray.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D")
GRAY = "#666666"
DOTS_PER_INCH = 110


def chart_png(figure: Figure) -> bytes:
    """The content of a PNG file."""
    for text in figure.findobj(Text):  # matplotlib needs UTF-8, but file names may have other bytes
        text.set_text(text.get_text().encode(errors="backslashreplace").decode())
    buffer = io.BytesIO()
    # Without date and version: the same values give the same file.
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()
