"""The true depth of the demo's photo, and how far a network is from it.

The photo is the left one of Middlebury's stereo pair Motorcycle (D. Scharstein et al.,
"High-Resolution Stereo Datasets with Subpixel-Accurate Ground Truth", GCPR 2014). scikit-image
ships both at a quarter of their size, with the disparity and the calibration of that size
(`skimage.data.stereo_motorcycle`, of which only the files are read).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from docs.scripts.result_file import read_result, write_result
from tfl_depth.camera import Camera
from tfl_depth.evaluation.metrics import depth_metrics
from tfl_depth.example_photos import photograph_folder
from tfl_depth.tables import markdown, write_table

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures" / "demo.json"
DOCUMENT = ROOT / "docs" / "first-depth.md"
# The published calibration, at the size that scikit-image ships.
DISPARITY = "motorcycle_disp.npz"
FOCAL_PIXELS, CENTER_X, CENTER_Y = 994.978, 311.193, 254.877
BASELINE_M, DOFFS_PIXELS = 0.193001, 31.086
CAMERA = Camera.of(FOCAL_PIXELS, FOCAL_PIXELS, CENTER_X, CENTER_Y, width=741, height=500)
# From here on the demo calls the depth bad.
BAD_ABS_REL = 0.1
FACTORS = np.arange(0.5, 2.505, 0.01)

Depth = npt.NDArray[np.floating[Any]]


def true_depth_m() -> npt.NDArray[np.float64]:
    """Depth (500, 741) of the left photo in meters, 0 where Middlebury has none.

    depth = baseline * focal length / (disparity + doffs), where doffs is the difference of both
    principal points along x.
    """
    with np.load(photograph_folder() / DISPARITY) as file:
        disparity = file["arr_0"]
    known = np.isfinite(disparity)
    shift = np.where(known, disparity, 0).astype(np.float64) + DOFFS_PIXELS
    return np.where(known, BASELINE_M * FOCAL_PIXELS / shift, 0)


@dataclass(frozen=True)
class DemoFigures:
    """How far the demo's depth is from the truth, mean of |depth - truth| / truth.

    Attributes:
        focal_ratio: of the photo's focal length to that which the network was trained for.
        near_m, far_m, known_share: of the truth.
        abs_rel: of each model by its name, as it is.
        corrected_abs_rel: of its depth times `focal_ratio`.
        best_factor, best_abs_rel: the factor that would bring INT8 nearest, and what it leaves.
        obeys: whether the model's contract says that depth follows the focal length.
    """

    focal_ratio: float
    near_m: float
    far_m: float
    known_share: float
    abs_rel: dict[str, float]
    corrected_abs_rel: dict[str, float]
    best_factor: float
    best_abs_rel: float
    obeys: bool


def compare(depths_m: Mapping[str, Depth], ratio: float, *, obeys: bool) -> DemoFigures:
    """Compare depths (500, 741) in meters, of which INT8 is one, with the truth.

    Args:
        depths_m: of each model, as it is.
        ratio: of the focal lengths.
        obeys: as in `DemoFigures`.
    """
    truth = true_depth_m()
    errors = [abs_rel(depths_m["INT8"], truth, factor) for factor in FACTORS]
    best = int(np.argmin(errors))
    return DemoFigures(
        focal_ratio=round(ratio, 3),
        near_m=round(float(truth[truth > 0].min()), 3),
        far_m=round(float(truth.max()), 3),
        known_share=round(float((truth > 0).mean()), 3),
        abs_rel={name: abs_rel(depth, truth) for name, depth in depths_m.items()},
        corrected_abs_rel={name: abs_rel(each, truth, ratio) for name, each in depths_m.items()},
        best_factor=round(float(FACTORS[best]), 2),
        best_abs_rel=errors[best],
        obeys=obeys,
    )


def abs_rel(depth_m: Depth, truth_m: Depth, factor: float = 1.0) -> float:
    """Mean of |factor * depth - truth| / truth where both are known."""
    known = (truth_m > 0) & (depth_m > 0)
    return round(depth_metrics(truth_m[known], factor * depth_m[known])["abs_rel"], 4)


def said(figures: DemoFigures) -> str:
    """The figures for people, with what follows from them."""
    names = list(figures.abs_rel)
    lines = [
        f"against its true depth ({figures.near_m:.2f} to {figures.far_m:.2f} m, known for "
        f"{figures.known_share:.0%} of the pixels), abs_rel:",
        " " * 36 + "".join(f"{name:>8}" for name in names),
    ]
    for title, values in _rows(figures):
        lines.append(f"  {title:<34}" + "".join(f"{values[name]:8.3f}" for name in names))
    lines += [
        f"  (the best factor for INT8 is {figures.best_factor:.2f}: {figures.best_abs_rel:.3f})",
        f"The photo was taken with {figures.focal_ratio:.2f} times the focal length that the "
        "network was trained for.",
        _correction_said(figures),
    ]
    shown = figures.corrected_abs_rel if figures.obeys else figures.abs_rel
    if shown["INT8"] > BAD_ABS_REL:
        lines.append(
            f"The network is bad on this photo: it is wrong by {shown['INT8']:.0%} of the distance "
            "on average. It was trained on rooms, by another camera."
        )
    return "\n".join(lines)


def _rows(figures: DemoFigures) -> list[tuple[str, dict[str, float]]]:
    return [
        ("as the network gives it", figures.abs_rel),
        (f"times {figures.focal_ratio:.2f}, the focal ratio", figures.corrected_abs_rel),
    ]


def _correction_said(figures: DemoFigures) -> str:
    if figures.obeys:
        return "Its depth follows the focal length, so photo_depth.png is corrected."
    return (
        "Its depth does not follow the focal length (docs/cameras.md), so the runner corrects it\n"
        "only when asked: photo_depth.png is as the network gives it, and\n"
        "photo_corrected_depth.png is corrected."
    )


def table(figures: DemoFigures) -> str:
    """The figures as a table of a document."""
    names = list(figures.abs_rel)
    rows = [[title, *(f"{values[name]:.3f}" for name in names)] for title, values in _rows(figures)]
    best = ["-"] * (len(names) - 1) + [f"{figures.best_abs_rel:.3f}"]
    rows.append([f"times {figures.best_factor:.2f}, the best factor for INT8", *best])
    return markdown(["depth", *(f"abs_rel, {name}" for name in names)], rows)


def write_figures(figures: DemoFigures) -> None:
    """Write the result file, and the document's table from it."""
    write_result(FIGURES, asdict(figures))
    write_document()


def write_document() -> None:
    """Write the document's table from the result file."""
    figures = DemoFigures(**read_result(FIGURES))
    write_table(DOCUMENT, "demo", table(figures))
