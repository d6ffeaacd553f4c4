"""A chart of a placement: the time of each operator, and the operators outside the NPU."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.converters.deployment.placement import (
    CPU,
    GPU,
    NPU,
    UNKNOWN,
    PlacedOperator,
    Placement,
)

_WIDTH, _LABEL, _MARGIN, _ROW, _HEADER = 1000, 330, 12, 16, 40
_FONT, _SCALE, _BLACK = cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0)
# BGR. The colors differ in brightness and in hue.
_COLORS = {NPU: (160, 110, 30), CPU: (60, 60, 220), GPU: (0, 165, 255), UNKNOWN: (170, 170, 170)}


def placement_picture(placement: Placement, title: str) -> npt.NDArray[np.uint8]:
    """Draw a bar for each operator: its cycles, colored by where it runs.

    An operator whose cycles are unknown, for example on the CPU, has a bar of full length.

    Args:
        placement: with at least one operator.
        title: of the chart.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    height = _HEADER + _ROW * len(placement.operators) + _MARGIN
    picture = np.full((height, _WIDTH, 3), 255, np.uint8)
    _write(picture, title, _MARGIN, 24, scale=0.55)
    longest = max((operator.cycles or 0 for operator in placement.operators), default=0)
    for row, operator in enumerate(placement.operators):
        _draw_operator(picture, operator, _HEADER + _ROW * row, max(longest, 1))
    return picture


def _draw_operator(
    picture: npt.NDArray[np.uint8], operator: PlacedOperator, top: int, longest: int
) -> None:
    room = _WIDTH - _LABEL - 130
    share = 1.0 if operator.cycles is None else operator.cycles / longest
    right = _LABEL + max(1, round(room * share))
    bar = ((_LABEL, top + 2), (right, top + _ROW - 3))
    cv2.rectangle(picture, *bar, _COLORS[operator.place], cv2.FILLED)
    _write(picture, short_name(operator)[:48], _MARGIN, top + 11)
    known = f"{operator.cycles:,} cycles" if operator.cycles is not None else "time unknown"
    beyond = known if operator.place == NPU else f"{operator.place}, {known}"
    _write(picture, beyond, right + 6, top + 11)


def _write(
    picture: npt.NDArray[np.uint8], text: str, left: int, base: int, scale: float = _SCALE
) -> None:
    cv2.putText(picture, text, (left, base), _FONT, scale, _BLACK, 1, cv2.LINE_AA)


def short_name(operator: PlacedOperator) -> str:
    """Return an operator's kind and the end of its tensor's name, which contains the layer's."""
    layer = "/".join(operator.name.partition(";")[0].split("/")[-2:])
    return f"{operator.kind} {layer}"
