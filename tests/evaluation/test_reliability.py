"""The chart of reliability by distance."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.chart_style import COLORS
from tfl_depth.evaluation.metrics import BinnedMetrics, DistanceBin
from tfl_depth.evaluation.reliability import reliability_chart

EDGES_M = (0, 1, 2, 4, 8, 16)
TRUE_M = np.repeat([1.5, 3.0, 6.0], [100, 400, 50])


def bins(*errors: float) -> list[DistanceBin]:
    """Of a model whose depth is wrong by these shares at 1.5, 3 and 6 m."""
    made = BinnedMetrics(EDGES_M)
    made.add(TRUE_M, TRUE_M * (1 + np.repeat(errors, [100, 400, 50])))
    return made.bins()


def rows_of(png: bytes, number: int) -> npt.NDArray[np.intp]:
    """The rows, of the highest panel, of the line of a model, from left to right."""
    bgr = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    bgr = bgr[: bgr.shape[0] // 3]
    red, green, blue = (int(COLORS[number][k : k + 2], 16) for k in (1, 3, 5))
    rows, columns = np.nonzero((bgr == (blue, green, red)).all(axis=-1))
    # The legend is on the right.
    inside = columns < bgr.shape[1] * 0.6
    return np.asarray(rows[inside][np.argsort(columns[inside], kind="stable")])


def test_a_model_that_gets_worse_with_distance_rises() -> None:
    rows = rows_of(reliability_chart({"one": bins(0.1, 0.2, 0.4)}, "title"), 0)
    assert rows.size > 100
    assert rows[-20:].mean() < rows[:20].mean() - 20


def test_the_worse_model_is_above_the_better() -> None:
    png = reliability_chart({"one": bins(0.1, 0.1, 0.1), "other": bins(0.3, 0.3, 0.3)}, "title")
    assert rows_of(png, 1).mean() < rows_of(png, 0).mean() - 20


def test_a_range_without_a_pixel_is_a_gap() -> None:
    made = BinnedMetrics(EDGES_M)
    made.add(np.array([1.5, 6.0]), np.array([1.6, 6.5]))
    assert reliability_chart({"one": made.bins()}, "title").startswith(b"\x89PNG")
