"""The spans of a split head: their edges in y, and the curve of depth inside each."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.head.curve import Curve, usual_count
from tfl_depth.converters.head.depth_function import Values
from tfl_depth.converters.head.widths import equal_steps
from tfl_depth.encoding import CODES, Spans
from tfl_depth.errors import ConversionError, SpansError

# Numbers of samples to try for a span's curve. The last one has a sample for each code.
SAMPLES = (2, 3, 5, 9, 17, 33, 65, 129, CODES + 1)
# Largest error of straight lines between samples, in meters, and as a share of the step.
_MAX_ERROR_M, _MAX_ERROR_STEPS = 0.0001, 0.03
_CHECKED = 8 * CODES + 1
_TILT = 1e-6


@dataclass(frozen=True)
class HeadSpans:
    """The spans of a split head.

    Attributes:
        edges_y: value of y at each edge, all ascending or all descending.
        edges_m: depth in meters at each, ascending.
        curves_m: for each span its depths at equal steps of y, from edge to edge; None where depth
            is straight in all of them.
    """

    edges_y: tuple[float, ...]
    edges_m: tuple[float, ...]
    curves_m: tuple[tuple[float, ...], ...] | None

    @property
    def count(self) -> int:
        """Number of spans."""
        return len(self.edges_m) - 1

    @property
    def codes_per_span(self) -> int:
        """Codes of the `integer` tensor for each span."""
        return Spans(self.edges_m).codes_per_span

    @property
    def integer_bias(self) -> float:
        """Offset of the `integer` tensor, in spans (see `encoding.Spans`)."""
        return Spans(self.edges_m).integer_bias

    @property
    def worst_step_mm(self) -> float:
        """The largest step of depth between two codes, in millimeters."""
        curves = self.curves_m or tuple(itertools.pairwise(self.edges_m))
        slopes = [max(np.diff(curve)) * (len(curve) - 1) for curve in curves]
        return float(1000 * max(slopes) / CODES)


def place_spans(
    curve: Curve,
    *,
    count: int | None = None,
    edges_m: Sequence[float] | None = None,
    per_channel: bool = True,
) -> HeadSpans:
    """Choose the edges of spans so that the largest step of depth is equal in all spans.

    Args:
        curve: depth as a function of y.
        count: number of spans; None: one for each meter, at most 15.
        edges_m: edges in meters, instead of `count`. The first and last one move to the end of a
            curved depth if they are beyond it.
        per_channel: whether each filter of a convolution has its own scale. Without it the spans
            get few different widths, so that filters of one width share a scale exactly.

    Raises:
        ConversionError: the edges do not ascend within the network's depth.
    """
    depth_m: Values
    if edges_m is not None:
        depth_m = _checked(edges_m, curve)
        edges_y = curve.y_at(depth_m)
    elif curve.line is not None:
        depth_m = np.linspace(*curve.ends_m, (count or usual_count(curve.ends_m)) + 1)
        edges_y = curve.y_at(depth_m)
    else:
        edges_y = equal_steps(curve, count or usual_count(curve.ends_m), few_widths=not per_channel)
        depth_m = curve.depth(edges_y)
        depth_m[[0, -1]] = curve.ends_m
    depths = tuple(float(depth) for depth in depth_m)
    curves = None
    if curve.line is None:
        spans = zip(itertools.pairwise(edges_y), itertools.pairwise(depths), strict=True)
        curves = tuple(_samples(curve, span_y, span_m) for span_y, span_m in spans)
    return HeadSpans(tuple(float(y) for y in edges_y), depths, curves)


def _checked(edges_m: Sequence[float], curve: Curve) -> Values:
    """Return the user's edges, with the outermost ones inside the network's depth."""
    edges = np.array(edges_m, np.float64)
    near, far = curve.ends_m
    if curve.line is None and edges.size > 1:
        edges[0], edges[-1] = max(edges[0], near), min(edges[-1], far)
    try:
        Spans(tuple(edges))
    except SpansError as error:
        raise ConversionError(
            f"Expected span edges within the network's depth, {near:g} to {far:g} "
            f"m, got {', '.join(f'{edge:g}' for edge in edges_m)} m. {error}"
        ) from error
    return edges


def _samples(
    curve: Curve, span_y: tuple[float, float], span_m: tuple[float, float]
) -> tuple[float, ...]:
    """Choose the fewest depths at equal steps of y that describe a span's curve."""
    codes = np.linspace(0, 1, _CHECKED)
    exact = _ascending(curve.depth(np.linspace(*span_y, _CHECKED)), span_m)
    step = np.gradient(exact) * (_CHECKED - 1) / CODES
    allowed = np.maximum(_MAX_ERROR_M, _MAX_ERROR_STEPS * step)
    for count in SAMPLES:
        found = _ascending(curve.depth(np.linspace(*span_y, count)), span_m)
        error = np.abs(np.interp(codes, np.linspace(0, 1, count), found) - exact)
        if np.all(error <= allowed):
            break
    return tuple(float(depth) for depth in found)


def _ascending(depth_m: Values, span_m: tuple[float, float]) -> Values:
    """Make depths strictly ascending from edge to edge, in spite of float32's rounding."""
    inside = np.clip(np.maximum.accumulate(depth_m), *span_m)
    inside[[0, -1]] = span_m
    # A small share of a straight line.
    tilted = (1 - _TILT) * inside + _TILT * np.linspace(*span_m, inside.size)
    tilted[[0, -1]] = span_m
    return tilted
