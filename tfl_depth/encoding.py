"""The exact split: depth as two bytes, whole spans and the place inside a span (numpy only).

A folding code, as in folding analog-to-digital converters. `integer` counts spans, with
`codes_per_span` codes each; `fractional` rises from 0 to 255 over one span and falls back over
the next, so both agree at every boundary and no rounding can wrap.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# (H, W) uint16 or uint32: millimetres, 0 = no depth.
DepthMm = npt.NDArray[np.unsignedinteger[Any]]

CODES = 255
MAX_SPANS = 127
# uint16 millimetres, 0 meaning "no depth".
UINT16_LIMIT_MM = 65535


@dataclass(frozen=True)
class Spans:
    """Consecutive depth intervals that the split counts.

    Attributes:
        edges_m: ascending borders in metres, one more than there are spans.

    Raises:
        ValueError: on creation, where edges are not ascending finite metres from 0 on, or are so
            many that fewer than two integer codes were left for a span.
    """

    edges_m: tuple[float, ...]

    def __post_init__(self) -> None:
        edges = self.edges_m
        if not 2 <= len(edges) <= MAX_SPANS + 1:
            raise ValueError(f"Expected 1 to {MAX_SPANS} spans, got {len(edges) - 1}.")
        if not all(math.isfinite(edge) for edge in edges) or edges[0] < 0:
            raise ValueError(f"Expected span edges in metres from 0 on, got {list(edges)}.")
        if any(far <= near for near, far in itertools.pairwise(edges)):
            raise ValueError(f"Expected ascending span edges, got {list(edges)}.")

    @classmethod
    def uniform(cls, max_depth_m: float, span_m: float = 1.0) -> Spans:
        """Spans of `span_m` metres from 0 to `max_depth_m`, which they must divide."""
        if not (math.isfinite(max_depth_m) and math.isfinite(span_m) and 0 < span_m <= max_depth_m):
            raise ValueError(
                f"Expected a span of more than 0 m and at most the range, got {span_m:g} m for "
                f"{max_depth_m:g} m."
            )
        count = round(max_depth_m / span_m)
        if not math.isclose(count * span_m, max_depth_m, rel_tol=1e-6):
            raise ValueError(
                f"Expected a span that divides {max_depth_m:g} m, got {span_m:g} m. Choose "
                "another, or give the edges themselves."
            )
        return cls(tuple(max_depth_m * k / count for k in range(count + 1)))

    @property
    def count(self) -> int:
        """How many spans there are: N."""
        return len(self.edges_m) - 1

    @property
    def max_depth_m(self) -> float:
        """The last edge, in metres."""
        return self.edges_m[-1]

    @property
    def widths_m(self) -> tuple[float, ...]:
        """Width of each span, in metres."""
        return tuple(far - near for near, far in itertools.pairwise(self.edges_m))

    @property
    def codes_per_span(self) -> int:
        """Integer codes a span: M = 255 // N."""
        return CODES // self.count

    @property
    def integer_max(self) -> float:
        """Upper end of the `integer` tensor's range [0, integer_max], in spans: scale 1 / M."""
        return CODES / self.codes_per_span

    @property
    def integer_bias(self) -> float:
        """What is taken from the span count so that codes switch exactly on a boundary, in spans.

        The last span's place is a whole number c of 255. Its code round(M * (n + c/255) - M * bias)
        must reach the next span at c = 255 and not at 254: M * bias lies half-way between
        0.5 - M/255 and 0.5.
        """
        return 0.5 / self.codes_per_span - 0.5 / CODES

    @property
    def steps_mm(self) -> tuple[float, ...]:
        """Resolution of the code in each span."""
        return tuple(1000 * width / CODES for width in self.widths_m)


def encode(
    depth_m: npt.ArrayLike, spans: Spans
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """What an ideal INT8 network gives for `depth_m`: the codes (integer, fractional), uint8.

    Depth outside the spans is clipped to them, as in the network.
    """
    edges = np.asarray(spans.edges_m)
    depth = np.clip(np.asarray(depth_m, np.float64), edges[0], edges[-1])
    n = np.clip(np.searchsorted(edges, depth, side="right") - 1, 0, spans.count - 1)
    place = np.rint(CODES * (depth - edges[n]) / np.asarray(spans.widths_m)[n]).astype(np.int64)
    fractional = np.where(n % 2 == 0, place, CODES - place)
    integer = np.clip(np.rint(_integer_code(n, place, spans)), 0, CODES)
    return integer.astype(np.uint8), fractional.astype(np.uint8)


def _integer_code(
    n: npt.NDArray[np.int64], place: npt.NDArray[np.int64], spans: Spans
) -> npt.NDArray[np.float64]:
    """The integer tensor before rounding, in codes."""
    return np.asarray(spans.codes_per_span * (n + place / CODES - spans.integer_bias))


def depth_dtype(spans: Spans) -> np.dtype[np.unsignedinteger[Any]]:
    """uint16 where millimetres of the whole range fit it, else uint32."""
    fits = round(1000 * spans.max_depth_m) <= UINT16_LIMIT_MM
    return np.dtype(np.uint16 if fits else np.uint32)


class Decoder:
    """Tables from the pair of codes to millimetres, built once for a set of spans.

    Attributes:
        spans: what they decode.
        depth_mm: (65536,) of `depth_dtype`, at 256 * integer + fractional; 0 where they disagree.
        agrees: (65536,) bool: whether the pair can come from one depth.
    """

    def __init__(self, spans: Spans) -> None:
        self.spans = spans
        integer, fractional = np.divmod(np.arange(256 * 256), 256)
        n = integer // spans.codes_per_span
        place = np.where(n % 2 == 0, fractional, CODES - fractional)
        self.agrees = _agreement(integer, n, place, spans)
        # At the last edge `integer` counts one span more than there are; depth ends at the edge.
        full = n >= spans.count
        n, place = np.where(full, spans.count - 1, n), np.where(full, CODES, place)
        edges, widths = np.asarray(spans.edges_m), np.asarray(spans.widths_m)
        depth_mm = np.rint(1000 * (edges[n] + widths[n] * place / CODES))
        self.depth_mm: DepthMm = np.where(self.agrees, depth_mm, 0).astype(depth_dtype(spans))

    def decode(self, integer: npt.NDArray[np.uint8], fractional: npt.NDArray[np.uint8]) -> DepthMm:
        """Millimetres of two code tensors of one shape; 0 (no depth) where they disagree.

        n = integer // M; place = fractional where n is even, else 255 - fractional; depth =
        edges[n] + widths[n] * place / 255, to the nearest millimetre.
        """
        return self.depth_mm[_pair(integer, fractional)]

    def disagreement(
        self, integer: npt.NDArray[np.uint8], fractional: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.bool_]:
        """True where the two tensors cannot both come from one depth: garbage, not depth."""
        return ~self.agrees[_pair(integer, fractional)]


def _agreement(
    integer: npt.NDArray[np.int64],
    n: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64],
    spans: Spans,
) -> npt.NDArray[np.bool_]:
    """Whether `integer` is, to within a code, what this place in span n gives.

    Half a code is its own rounding; the other half is left to kernels that round otherwise.
    """
    expected = _integer_code(n, place, spans)
    reachable = integer <= spans.codes_per_span * spans.count
    return np.asarray((np.abs(expected - integer) <= 1) & reachable)


def _pair(
    integer: npt.NDArray[np.uint8], fractional: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint16]:
    return np.left_shift(integer, 8, dtype=np.uint16) | fractional


def decode_float(
    integer: npt.NDArray[np.floating], fractional: npt.NDArray[np.floating], spans: Spans
) -> npt.NDArray[np.float64]:
    """Metres of a split head that computes in floating point, not rounded; nan stays nan.

    Args:
        integer: 0 to `spans.integer_max`, in spans.
        fractional: 0 to 1.
        spans: the intervals that were counted.
    """
    full = np.floor(np.where(np.isnan(integer), 0, integer) + spans.integer_bias)
    n = np.clip(full, 0, spans.count - 1).astype(np.int64)
    place = np.where(n % 2 == 0, fractional, 1 - fractional)
    depth_m = np.asarray(spans.edges_m)[n] + np.asarray(spans.widths_m)[n] * place
    return np.where(np.isnan(integer), np.nan, depth_m)
