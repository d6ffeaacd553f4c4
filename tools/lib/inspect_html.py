"""The report of a model as a self-contained HTML page without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from tfl_depth.tools.lib.html_page import PAGE_WIDTH as _WIDTH
from tfl_depth.tools.lib.html_page import html_page, html_table
from tfl_depth.tools.lib.inspect_text import (
    bytes_text,
    cost_text,
    count_text,
    sections,
)

# Colors of Okabe and Ito, which people with color-blindness can distinguish.
_MACS, _BYTES, _SPAN = "#0072b2", "#d55e00", "#56b4e9"
_NAME, _ROW, _BAR = 330, 18, 240


def page(report: dict[str, Any]) -> str:
    """Make the page of a `model_report`.

    Args:
        report: of a .tflite or .keras file, with "model" and "bytes".
    """
    title = str(report["model"]).rpartition("/")[2]
    return html_page(title, "".join(_body(report)))


def _body(report: dict[str, Any]) -> Iterator[str]:
    contract = report.get("contract")
    for section in sections(report):
        yield html_table(section)
        if section.title == "depth" and contract is not None and contract["head"] == "split":
            yield _spans(contract["decoding"]["edges_m"])
    if report.get("costs"):
        yield "<h2>every operator, in the order in which they run</h2>\n"
        yield _operators(report["costs"])


def _spans(edges_m: list[float]) -> str:
    """Draw the spans along the range, every second one in color."""
    scale = (_WIDTH - 40) / (edges_m[-1] - edges_m[0])
    parts, labeled_to = [], -30.0
    for number, edge in enumerate(edges_m):
        left = 10 + scale * (edge - edges_m[0])
        if number + 1 < len(edges_m):
            width = scale * (edges_m[number + 1] - edge)
            opacity = 0.9 if number % 2 == 0 else 0.35
            parts.append(_bar(left, 4, width, 16, _SPAN, opacity))
        if left - labeled_to >= 30:
            parts.append(_label(left, 36, f"{edge:g} m"))
            labeled_to = left
    return _picture(42, "the spans along the range", parts)


def _operators(costs: list[dict[str, Any]]) -> str:
    """A row for each operator: its MACs, and the bytes of its weights and its output."""
    sizes = [cost["weight_bytes"] + (cost["result_bytes"] or 0) for cost in costs]
    most_macs = max((cost["macs"] or 0 for cost in costs), default=0) or 1
    most_bytes = max(sizes, default=0) or 1
    macs_at, bytes_at = _NAME, _NAME + _BAR + 75
    parts = [_label(macs_at, 14, "MACs"), _label(bytes_at, 14, "bytes of weights and result")]
    for row, (cost, size) in enumerate(zip(costs, sizes, strict=True)):
        top = 22 + _ROW * row
        parts.append(f"<g><title>{escape(cost['name'])}</title>")
        parts.append(_label(0, top + 11, cost_text(cost)))
        for left, share, color, text in (
            (macs_at, (cost["macs"] or 0) / most_macs, _MACS, count_text(cost["macs"])),
            (bytes_at, size / most_bytes, _BYTES, bytes_text(size)),
        ):
            width = _BAR * share
            parts.append(_bar(left, top, width, _ROW - 5, color, 1))
            parts.append(_label(left + width + 5, top + 11, text))
        parts.append("</g>")
    return _picture(26 + _ROW * len(costs), "what each operator costs", parts)


def _picture(height: int, title: str, parts: list[str]) -> str:
    return (
        f'<div class="wide"><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">\n' + "\n".join(parts) + "\n</svg></div>\n"
    )


def _bar(left: float, top: float, width: float, height: float, color: str, opacity: float) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}" fill="{color}" '
        f'opacity="{opacity}"/>'
    )


def _label(left: float, base: float, text: str) -> str:
    return f'<text x="{left:.1f}" y="{base}">{escape(text)}</text>'
