"""The exact split: depth as two bytes, whole spans and the position in a span (numpy only).

A folding code, as in folding analog-to-digital converters. `integer` counts spans, with
`codes_per_span` codes each; `fractional` rises from 0 to 255 over one span and falls back over
the next, so both agree at every boundary and no rounding can wrap. Inside a span the depth is a
straight line over the position, or a curve if the network's output is not depth itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.errors import SpansError

__all__ = [
    "AS_IT_IS",
    "CODES",
    "MAX_SAMPLES",
    "MAX_SPANS",
    "UINT16_LIMIT_MM",
    "UINT32_LIMIT_MM",
    "Decoder",
    "DepthCorrection",
    "DepthMm",
    "Spans",
    "decode_float",
    "depth_dtype",
    "encode",
    "integer_code",
]

# (H, W) uint16 or uint32: millimeters, 0 = no depth.
DepthMm = npt.NDArray[np.unsignedinteger[Any]]

CODES = 255
MAX_SPANS = 127
# One sample for each position. The code cannot represent more.
MAX_SAMPLES = CODES + 1
# uint16 millimeters, 0 meaning "no depth".
UINT16_LIMIT_MM = 65535
UINT32_LIMIT_MM = 2**32 - 1


@dataclass(frozen=True, repr=False)
class Spans:
    """The consecutive depth intervals of the split.

    Attributes:
        edges_m: ascending borders in meters, one more than there are spans.
        curves_m: for each span its depth in meters at 2 to 256 equal steps of the place, ascending
            from the span's first edge to its last, and linear between them; None: all are straight.

    Raises:
        SpansError: on creation, if edges are not ascending finite meters from 0, or are so many
            that a span has fewer than two integer codes; or if curves are not as above.
    """

    edges_m: tuple[float, ...]
    curves_m: tuple[tuple[float, ...], ...] | None = None

    def __repr__(self) -> str:
        curved = "" if self.curves_m is None else ", curved"
        return f"<Spans {', '.join(f'{edge:g}' for edge in self.edges_m)} m{curved}>"

    def __post_init__(self) -> None:
        edges = self.edges_m
        if not 2 <= len(edges) <= MAX_SPANS + 1:
            raise SpansError(f"Expected 1 to {MAX_SPANS} spans, got {len(edges) - 1}.")
        if not all(math.isfinite(edge) for edge in edges) or edges[0] < 0:
            raise SpansError(f"Expected span edges in meters from 0 on, got {list(edges)}.")
        if not _ascends(edges):
            raise SpansError(f"Expected ascending span edges, got {list(edges)}.")
        if 1000 * edges[-1] > UINT32_LIMIT_MM:
            raise SpansError(
                f"Expected span edges up to {UINT32_LIMIT_MM / 1000:g} m, got {edges[-1]:g} m."
            )
        if self.curves_m is not None:
            self._check_curves(self.curves_m)

    def _check_curves(self, curves_m: tuple[tuple[float, ...], ...]) -> None:
        if len(curves_m) != self.count:
            raise SpansError(
                f"Expected a curve for each of {self.count} spans, got {len(curves_m)}."
            )
        for n, curve in enumerate(curves_m):
            if not 2 <= len(curve) <= MAX_SAMPLES:
                raise SpansError(
                    f"Expected 2 to {MAX_SAMPLES} samples of span {n}'s curve, got {len(curve)}."
                )
            if not _ascends(curve):
                raise SpansError(f"Expected span {n}'s curve to ascend, got {list(curve)}.")
            if (curve[0], curve[-1]) != self.edges_m[n : n + 2]:
                raise SpansError(
                    f"Expected span {n}'s curve to lead from {self.edges_m[n]} to "
                    f"{self.edges_m[n + 1]} m, got {curve[0]} to {curve[-1]} m."
                )

    @classmethod
    def uniform(cls, max_depth_m: float, span_m: float = 1.0) -> Spans:
        """Make spans of `span_m` meters, which must divide `max_depth_m`."""
        if not (math.isfinite(max_depth_m) and math.isfinite(span_m) and 0 < span_m <= max_depth_m):
            raise SpansError(
                f"Expected a span of more than 0 m and at most the range, got {span_m:g} m for "
                f"{max_depth_m:g} m."
            )
        parts = max_depth_m / span_m
        if parts > MAX_SPANS + 0.5:
            raise SpansError(f"Expected 1 to {MAX_SPANS} spans, got {parts:g}.")
        count = round(parts)
        if not math.isclose(count * span_m, max_depth_m, rel_tol=1e-6):
            raise SpansError(
                f"Expected a span that divides {max_depth_m:g} m, got {span_m:g} m. Choose "
                "another, or set the edges."
            )
        return cls(tuple(max_depth_m * k / count for k in range(count + 1)))

    @property
    def count(self) -> int:
        """Number of spans: N."""
        return len(self.edges_m) - 1

    @property
    def max_depth_m(self) -> float:
        """The last edge, in meters."""
        return self.edges_m[-1]

    @property
    def widths_m(self) -> tuple[float, ...]:
        """Width of each span, in meters."""
        return tuple(far - near for near, far in itertools.pairwise(self.edges_m))

    @property
    def codes_per_span(self) -> int:
        """Integer codes for each span: M = 255 // N."""
        return CODES // self.count

    @property
    def integer_max(self) -> float:
        """Upper end of the `integer` tensor's range [0, integer_max], in spans: scale 1 / M."""
        return CODES / self.codes_per_span

    @property
    def integer_bias(self) -> float:
        """Offset of the span count, in spans, so that codes switch exactly at a boundary.

        The last span's place is a whole number c of 255. Its code round(M * (n + c/255) - M * bias)
        must reach the next span at c = 255 and not at 254: M * bias lies half-way between
        0.5 - M/255 and 0.5.
        """
        return 0.5 / self.codes_per_span - 0.5 / CODES

    @property
    def steps_mm(self) -> tuple[float, ...]:
        """Resolution of the code in each span: its largest step."""
        if self.curves_m is None:
            return tuple(1000 * width / CODES for width in self.widths_m)
        return tuple(float(step) for step in 1000 * np.diff(self.levels_m).max(axis=1))

    @cached_property
    def levels_m(self) -> npt.NDArray[np.float64]:
        """Depth (N, 256) in meters at each position of each span, 0 to 255."""
        return np.stack([_levels_m(curve) for curve in self._curves_m])

    @property
    def _curves_m(self) -> Sequence[tuple[float, ...]]:
        return self.curves_m or tuple(itertools.pairwise(self.edges_m))

    @cached_property
    def _knots(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Depth of every sample in meters, and its position: span plus position of 0 to 1."""
        curves = self._curves_m
        # A span's last sample is the first one of the next span.
        places = [
            n + np.arange(len(curve) - 1) / (len(curve) - 1) for n, curve in enumerate(curves)
        ]
        depths = [np.asarray(curve[:-1], np.float64) for curve in curves]
        return np.append(np.concatenate(depths), self.max_depth_m), np.append(
            np.concatenate(places), float(self.count)
        )

    def locate(
        self, depth_m: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return each depth's span and position in it, 0 to 1. Depth outside is clipped."""
        edges = np.asarray(self.edges_m)
        depth = np.clip(depth_m, edges[0], edges[-1])
        n = np.clip(np.searchsorted(edges, depth, side="right") - 1, 0, self.count - 1)
        if self.curves_m is None:
            return n, (depth - edges[n]) / np.asarray(self.widths_m)[n]
        depths, places = self._knots
        return n, np.clip(np.interp(depth, depths, places) - n, 0, 1)

    def depth_at(
        self, n: npt.NDArray[np.int64], place: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.float64]:
        """Return meters at a position, 0 to 1, of span n: the inverse of `locate`."""
        if self.curves_m is None:
            return np.asarray(np.asarray(self.edges_m)[n] + np.asarray(self.widths_m)[n] * place)
        depths, places = self._knots
        return np.asarray(np.interp(n + place, places, depths))


def _ascends(values: Sequence[float]) -> bool:
    return all(near < far for near, far in itertools.pairwise(values))


def _levels_m(curve: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return meters (256,) at each position of a span, from its equally spaced samples.

    Computed in whole numbers up to the last step, so that every reader of the contract agrees.
    """
    samples, intervals = np.asarray(curve), len(curve) - 1
    before = np.minimum(np.arange(CODES + 1) * intervals // CODES, intervals - 1)
    rest = np.arange(CODES + 1) * intervals - CODES * before
    return np.asarray(samples[before] + (samples[before + 1] - samples[before]) * rest / CODES)


def encode(
    depth_m: npt.ArrayLike, spans: Spans
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return the codes (integer, fractional), uint8, of an ideal INT8 network for `depth_m`.

    Depth outside the spans is clipped to them, as in the network.
    """
    n, part = spans.locate(np.asarray(depth_m, np.float64))
    place = np.rint(CODES * part).astype(np.int64)
    fractional = np.where(n % 2 == 0, place, CODES - place)
    return integer_code(n, place, spans).astype(np.uint8), fractional.astype(np.uint8)


def integer_code(
    n: npt.NDArray[np.int64], place: npt.NDArray[np.int64], spans: Spans
) -> npt.NDArray[np.int64]:
    """Return the integer tensor's code at a place of span n: M (n + place / 255) - M bias.

    Rounded to the nearest, in whole numbers: M (n + place / 255) - 1/2 + M / 510 + 1/2, downwards.
    """
    return spans.codes_per_span * (2 * CODES * n + 2 * place + 1) // (2 * CODES)


@dataclass(frozen=True)
class DepthCorrection:
    """What is made of the network's depth: scale x depth + offset.

    Attributes:
        scale: above 0.
        offset_m: in meters.
    """

    scale: float = 1.0
    offset_m: float = 0.0

    def millimeters(self, depth_m: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Whole millimeters of the network's depth in meters; 0, no depth, where none is left."""
        corrected_m = self.scale * np.asarray(depth_m, np.float64) + self.offset_m
        return np.asarray(np.rint(1000 * np.maximum(corrected_m, 0)))


AS_IT_IS = DepthCorrection()


def depth_dtype(
    spans: Spans, correction: DepthCorrection = AS_IT_IS
) -> np.dtype[np.unsignedinteger[Any]]:
    """uint16 where millimeters of the whole range, corrected, fit it, else uint32.

    Raises:
        SpansError: they fit neither.
    """
    most_mm = float(correction.millimeters(np.asarray(spans.max_depth_m)))
    if most_mm > UINT32_LIMIT_MM:
        raise SpansError(
            f"Expected depth up to {UINT32_LIMIT_MM / 1000:g} m, got {most_mm / 1000:g} m after "
            f"the correction by {correction.scale:g}: give another camera."
        )
    return np.dtype(np.uint16 if most_mm <= UINT16_LIMIT_MM else np.uint32)


class Decoder:
    """Tables from pairs of codes to millimeters.

    Attributes:
        spans: of the split.
        depth_mm: (65536,) of `depth_dtype`, at 256 * integer + fractional; corrected; 0 if they
            disagree.
        agrees: (65536,) bool: whether the pair can come from one depth.
    """

    def __init__(self, spans: Spans, correction: DepthCorrection = AS_IT_IS) -> None:
        self.spans = spans
        integer, fractional = np.divmod(np.arange(256 * 256), 256)
        n = integer // spans.codes_per_span
        place = np.where(n % 2 == 0, fractional, CODES - fractional)
        self.agrees = _agreement(integer, n, place, spans)
        # At the last edge `integer` counts one span too many. Depth ends at the edge.
        full = n >= spans.count
        n, place = np.where(full, spans.count - 1, n), np.where(full, CODES, place)
        depth_mm = np.where(self.agrees, correction.millimeters(spans.levels_m[n, place]), 0)
        self.depth_mm: DepthMm = depth_mm.astype(depth_dtype(spans, correction))

    def __repr__(self) -> str:
        return f"<Decoder of {self.spans!r}, {self.depth_mm.dtype}>"

    def decode(self, integer: npt.NDArray[np.uint8], fractional: npt.NDArray[np.uint8]) -> DepthMm:
        """Decode two code tensors of the same shape to millimeters; 0 (no depth) if they disagree.

        n = integer // M; place = fractional where n is even, else 255 - fractional; depth =
        levels[n, place], to the nearest millimeter.
        """
        return self.depth_mm[_pair(integer, fractional)]

    def disagreement(
        self, integer: npt.NDArray[np.uint8], fractional: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.bool_]:
        """Mask of pixels whose two codes cannot come from the same depth."""
        return ~self.agrees[_pair(integer, fractional)]


def _agreement(
    integer: npt.NDArray[np.int64],
    n: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64],
    spans: Spans,
) -> npt.NDArray[np.bool_]:
    """Whether `integer` is within one code of that for a position in span n.

    Half a code is the rounding itself; the other half allows kernels that round differently. The
    computation is in 510ths of a code, which are whole numbers, so it is exact.
    """
    m, whole = spans.codes_per_span, 2 * CODES
    expected = whole * m * n + 2 * m * place + m - CODES
    reachable = integer <= m * spans.count
    return np.asarray((np.abs(whole * integer - expected) <= whole) & reachable)


def _pair(
    integer: npt.NDArray[np.uint8], fractional: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint16]:
    return np.left_shift(integer, 8, dtype=np.uint16) | fractional


def decode_float(
    integer: npt.NDArray[np.floating], fractional: npt.NDArray[np.floating], spans: Spans
) -> npt.NDArray[np.float64]:
    """Decode a float split head to meters, without rounding. NaN stays NaN.

    Args:
        integer: 0 to `spans.integer_max`, in spans.
        fractional: 0 to 1.
        spans: of the split.
    """
    full = np.floor(np.where(np.isnan(integer), 0, integer) + spans.integer_bias)
    n = np.clip(full, 0, spans.count - 1).astype(np.int64)
    place = np.where(n % 2 == 0, fractional, 1 - fractional)
    return np.where(np.isnan(integer), np.nan, spans.depth_at(n, place))
