"""Depth from the two outputs of a split head, written independently of the converter."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.head import HeadSpans

Values = npt.NDArray[np.float64]


def depth_of_places(n: npt.NDArray[np.intp], place: Values, spans: HeadSpans) -> Values:
    """Meters of span n and the place in it, 0 to 1."""
    curves = spans.curves_m or list(itertools.pairwise(spans.edges_m))
    depth_m = np.zeros(place.shape)
    for k, curve in enumerate(curves):
        here = np.clip(n, 0, len(curves) - 1) == k
        depth_m[here] = np.interp(place[here], np.linspace(0, 1, len(curve)), curve)
    return depth_m


def decode_float(
    integer: npt.NDArray[np.floating], fractional: npt.NDArray[np.floating], spans: HeadSpans
) -> Values:
    """Meters of a head that computes in floating point."""
    n = np.clip(np.floor(integer + spans.integer_bias), 0, spans.count - 1).astype(np.intp)
    fraction = np.asarray(fractional, np.float64)
    return depth_of_places(n, np.where(n % 2 == 0, fraction, 1 - fraction), spans)


def decode_codes(
    integer: npt.NDArray[np.integer], fractional: npt.NDArray[np.integer], spans: HeadSpans
) -> Values:
    """Meters of two codes of 0 to 255, as the runtime's contract says."""
    n = integer.astype(np.intp) // spans.codes_per_span
    fraction = fractional / 255
    place = np.where(n % 2 == 0, fraction, 1 - fraction)
    return depth_of_places(n, np.where(n >= spans.count, 1.0, place), spans)
