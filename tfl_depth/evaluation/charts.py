"""What the charts share: colors that everybody can tell apart, and their file format."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matplotlib.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# M. Okabe and K. Ito, "Color Universal Design" (2008), the darker ones; with a marker each, so that
# they are told apart in gray, too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D")
GRAY = "#666666"
DOTS_PER_INCH = 110


def chart_png(figure: Figure) -> bytes:
    """The content of a PNG file."""
    for text in figure.findobj(Text):  # names of files need not be UTF-8, which matplotlib wants
        text.set_text(text.get_text().encode(errors="backslashreplace").decode())
    buffer = io.BytesIO()
    # No date and no version inside: the same values make the same file.
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()
