"""The results of `tfl-depth evaluate` as text and as a table of images."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tfl_depth.evaluation.edges import FARTHEST_PX
from tfl_depth.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from tfl_depth.evaluation.image_scores import ImageScores


def images_csv(images: Iterable[ImageScores]) -> str:
    """The metrics of each image that has some."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", *METRICS])
    for image in images:
        if image.metrics is not None:
            values = (f"{image.metrics[metric]:.6g}" for metric in METRICS)
            table.writerow([image.name, *values])
    return text.getvalue()


def evaluate_text(result: dict[str, Any]) -> str:
    """The result as text, without --json."""
    lines = [
        f"{result['model']}: {result['dataset']} {result['split']}, {result['images']} images, "
        "nothing aligned"
    ]
    if result["marked_pixels"]:
        lines.append(
            f"{result['marked_pixels']:,} pixels have a mark of no reading (65535, or no number of "
            "meters), and are not counted"
        )
    against = result.get("against")
    if against:
        lines.append(f"change from {against['model']}, with 95 % interval over images")
    for metric, value in result["metrics"].items():
        line = f"{metric:<9} {value:8.4f}"
        if against:
            change = against["change"][metric]
            line += f"  from {against['metrics'][metric]:8.4f}  {change['relative']:+8.2%}"
            line += f"  [{change['low']:+.2%}, {change['high']:+.2%}]"
        lines.append(line)
    if result["edges"] is not None:
        lines.append(_edge_line(result["edges"]))
    lines.append("true distance   pixels  abs_rel    rmse  delta1")
    for each in result["distance_bins"]:
        of = each["metrics"]
        lines.append(
            f"{each['near_m']:4g} - {each['far_m']:<4g} m {each['pixels']:9,}  "
            f"{of['abs_rel']:7.4f} {of['rmse']:5.2f} m {of['delta1']:7.4f}"
        )
    if "zooms" in result:
        lines += _zoom_lines(result["zooms"])
    return "\n".join(lines)


def _edge_line(edges: dict[str, Any]) -> str:
    accuracy = edges["accuracy_px"]
    predicted = "no edge is predicted" if accuracy is None else f"accuracy {accuracy:.2f} px"
    return (
        f"edges of depth: {predicted}, completeness {edges['completeness_px']:.2f} px "
        f"(0 is best, {FARTHEST_PX:g} worst)"
    )


def _zoom_lines(found: dict[str, Any]) -> list[str]:
    """The table of zooms, and the conclusion from it."""
    lines = ["zoom  abs_rel as it is  abs_rel with depth x zoom  response (1 follows, 0 does not)"]
    for row in found["rows"]:
        response = "-" if row["response"] is None else f"{row['response']:.2f}"
        lines.append(
            f"{row['zoom']:4g}  {row['abs_rel']:15.4f}  {row['corrected_abs_rel']:25.4f}  "
            f"{response}"
        )
    follows = "follows" if found["obeys"] else "does not follow"
    return [*lines, f"Depth {follows} the focal length (docs/cameras.md)."]
