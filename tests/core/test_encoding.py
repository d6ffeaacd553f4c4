"""The arithmetic of the split: what holds for any spans and any depth."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.length import in_full
from tfl_depth.encoding import (
    CODES,
    MAX_SAMPLES,
    MAX_SPANS,
    Decoder,
    Spans,
    decode_float,
    depth_dtype,
    encode,
)
from tfl_depth.errors import DepthError

ALL_COUNTS = range(1, MAX_SPANS + 1)
# A Decoder has tables of 65,536 entries to build for every example.
UNHURRIED = settings(deadline=None, max_examples=60)


@st.composite
def any_spans(draw: st.DrawFn) -> Spans:
    """Spans of any number, width and beginning, straight or curved; the widths differ."""
    widths = draw(st.lists(st.floats(0.01, 20), min_size=1, max_size=MAX_SPANS))
    edges = tuple(itertools.accumulate(widths, initial=draw(st.floats(0, 5))))
    if draw(st.booleans()):
        return Spans(edges)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return Spans(edges, tuple(any_curve(random, *ends) for ends in itertools.pairwise(edges)))


def any_curve(random: np.random.Generator, near: float, far: float) -> tuple[float, ...]:
    """Samples of any number from `near` to `far`, whose steps differ by up to a hundred times."""
    steps = 10 ** random.uniform(0, 2, random.integers(1, MAX_SAMPLES))
    inner = near + (far - near) * np.cumsum(steps)[:-1] / steps.sum()
    return (near, *map(float, inner), far)


# Where in the range a depth lies, 0 to 1.
PARTS = st.lists(st.floats(0, 1), min_size=1, max_size=50).map(np.array)


def depths_m(spans: Spans, parts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Depths at these parts of the range, and all edges."""
    inside = spans.edges_m[0] + parts * (spans.max_depth_m - spans.edges_m[0])
    return np.concatenate([np.minimum(inside, spans.max_depth_m), spans.edges_m])


def span_of(depth_m: npt.NDArray[np.float64], spans: Spans) -> npt.NDArray[np.int64]:
    n = np.searchsorted(spans.edges_m, depth_m, side="right") - 1
    return np.minimum(n, spans.count - 1)


@UNHURRIED
@given(any_spans(), PARTS)
def test_decoding_undoes_encoding(spans: Spans, parts: npt.NDArray[np.float64]) -> None:
    depth_m = depths_m(spans, parts)
    codes = encode(depth_m, spans)
    decoder = Decoder(spans)
    # On a curve a place that is rounded may stand a whole step from the depth, where it bends.
    share = 0.5 if spans.curves_m is None else 1
    step_mm = np.array(spans.steps_mm)[span_of(depth_m, spans)]
    error_mm = np.abs(decoder.decode(*codes) - 1000 * depth_m)
    assert (error_mm <= share * step_mm + 0.5 + 1e-6).all()
    assert not decoder.disagreement(*codes).any()


@UNHURRIED
@given(any_spans())
def test_encoding_is_monotone_in_depth(spans: Spans) -> None:
    depth_m = np.linspace(spans.edges_m[0], spans.max_depth_m, 2000)
    decoded = Decoder(spans).decode(*encode(depth_m, spans))
    assert (np.diff(decoded.astype(np.int64)) >= 0).all()


@UNHURRIED
@given(any_spans())
def test_depth_outside_the_range_becomes_its_end(spans: Spans) -> None:
    outside = np.array([-1.0, spans.max_depth_m + 1, math.inf, -math.inf])
    near, far = 1000 * spans.edges_m[0], 1000 * spans.max_depth_m
    decoded = Decoder(spans).decode(*encode(outside, spans))
    np.testing.assert_allclose(decoded, [near, far, far, near], atol=0.5)


@UNHURRIED
@given(any_spans(), PARTS)
def test_floating_point_decoding_undoes_the_split(
    spans: Spans, parts: npt.NDArray[np.float64]
) -> None:
    depth_m = depths_m(spans, parts)
    integer, fractional = split(depth_m, spans)
    np.testing.assert_allclose(decode_float(integer, fractional, spans), depth_m, atol=1e-6)


def split(
    depth_m: npt.NDArray[np.float64], spans: Spans
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The two outputs as the network has them, from its thermometer."""
    curves = spans.curves_m or tuple(itertools.pairwise(spans.edges_m))
    tubes = [np.interp(depth_m, curve, np.linspace(0, 1, len(curve))) for curve in curves]
    filled = np.stack(tubes, axis=1)
    signs = (-1.0) ** np.arange(spans.count)
    return filled.sum(axis=1) - spans.integer_bias, (filled * signs).sum(axis=1)


@pytest.mark.parametrize("count", ALL_COUNTS)
def test_integer_code_switches_exactly_at_a_boundary(count: int) -> None:
    """In whole numbers: the code of place c of 255 in span n is

    floor(M (n + c / 255) - M bias + 1/2), with M bias = 1/2 - M / 510.
    """
    spans = Spans.uniform(count)
    m = spans.codes_per_span
    n, c = np.divmod(np.arange(CODES * count + 1), CODES)
    codes = m * (510 * n + 2 * c + 1) // 510
    np.testing.assert_array_equal(codes // m, n)
    assert codes.max() <= CODES
    assert math.isclose(m * spans.integer_bias, 1 / 2 - m / 510)


@pytest.mark.parametrize("count", ALL_COUNTS)
def test_every_level_comes_back(count: int) -> None:
    spans = Spans.uniform(count)
    level = np.arange(CODES * count + 1)
    integer, fractional = encode(level / CODES, spans)
    decoder = Decoder(spans)
    np.testing.assert_array_equal(
        decoder.decode(integer, fractional), np.rint(1000 * (level / CODES))
    )
    assert not decoder.disagreement(integer, fractional).any()
    # Not only where the tables take it: the last level alone counts one span more.
    np.testing.assert_array_equal(integer // spans.codes_per_span, level // CODES)


@pytest.mark.parametrize("count", [1, 2, 7, 15, 30, 127])
def test_pixel_that_contradicts_itself_is_no_depth(count: int) -> None:
    decoder = Decoder(Spans.uniform(count))
    integer, fractional = np.divmod(np.arange(65536), 256)
    pair = integer.astype(np.uint8), fractional.astype(np.uint8)
    disagrees = decoder.disagreement(*pair)
    assert disagrees.any()
    assert not decoder.decode(*pair)[disagrees].any()


@pytest.mark.parametrize("count", ALL_COUNTS)
def test_one_code_more_or_less_is_no_contradiction(count: int) -> None:
    """Another rounding of `fractional` by a kernel, of one code, is let pass anywhere in a span."""
    spans = Spans.uniform(count)
    integer, fractional = encode(np.linspace(0, count, 5000), spans)
    for moved in (np.maximum(fractional, 1) - 1, np.minimum(fractional, 254) + 1):
        assert not Decoder(spans).disagreement(integer, moved.astype(np.uint8)).any()


@cache
def consistent(m: int) -> npt.NDArray[np.bool_]:
    """Which places (256,) of a span fit each of its M codes, by the rule of docs/contract.md."""
    return np.array(
        [
            [
                abs(r - (m * Fraction(c, 255) - Fraction(1, 2) + Fraction(m, 510))) <= 1
                for c in PLACES
            ]
            for r in range(m)
        ]
    )


PLACES = range(256)


# Counts with the same codes per span differ in the last code alone.
@pytest.mark.parametrize(
    "count",
    [
        pytest.param(count, marks=[] if 255 // count > 255 // (count + 1) else in_full)
        for count in ALL_COUNTS
    ],
)
def test_self_check_is_exact_for_every_pair(count: int) -> None:
    """Also where a pair lies one code off exactly, which floating point decides either way."""
    m = 255 // count
    integer, fractional = np.mgrid[:256, :256]
    n, r = np.divmod(integer, m)
    place = np.where(n % 2 == 0, fractional, 255 - fractional)
    expected = consistent(m)[r, place] & (integer <= m * count)
    np.testing.assert_array_equal(Decoder(Spans.uniform(count)).agrees, expected.ravel())


def test_levels_of_a_curve_are_those_of_the_document() -> None:
    """e = c[j] + (c[j + 1] - c[j]) * r / 255 with place * (S - 1) = 255 j + r."""
    curve = (1.0, 1.5, 3.0, 3.25)
    spans = Spans((0.0, 1.0, 3.25, 4.0), ((0.0, 1.0), curve, (3.25, 3.5, 4.0)))
    decoder, m = Decoder(spans), spans.codes_per_span
    for place in PLACES:
        j, r = divmod(3 * place, 255)
        near, far = curve[j], curve[min(j + 1, 3)]
        codes = np.array([m + m * place // 255 - (place == 255)]), np.array([255 - place])
        decoded = decoder.decode(*(each.astype(np.uint8) for each in codes))
        assert decoded == [round(1000 * (near + (far - near) * r / 255))]
    np.testing.assert_allclose(spans.steps_mm, [1000 / 255, 1500 * 3 / 255, 500 * 2 / 255])


def test_not_a_number_stays_so_and_infinity_makes_no_noise() -> None:
    spans = Spans.uniform(10)
    integer = np.array([np.nan, np.inf, -np.inf, 2.5], np.float32)
    fractional = np.full(4, 0.5, np.float32)
    np.testing.assert_allclose(decode_float(integer, fractional, spans), [np.nan, 9.5, 0.5, 2.5])
    fractional[3] = np.nan
    assert np.isnan(decode_float(integer, fractional, spans)[3])


@pytest.mark.parametrize(
    ("edges_m", "said"),
    [
        ((), "spans"),
        ((1.0,), "spans, got 0"),
        (tuple(range(MAX_SPANS + 2)), "1 to 127 spans, got 128"),
        ((0.0, math.nan, 2.0), "from 0 on"),
        ((0.0, math.inf), "from 0 on"),
        ((-0.1, 1.0), "from 0 on"),
        ((0.0, 1.0, 1.0), "ascending"),
        ((0.0, 2.0, 1.0), "ascending"),
        ((0.0, 4294967.296), "up to 4.29497e[+]06 m"),
    ],
)
def test_edges_that_cannot_be_are_refused(edges_m: tuple[float, ...], said: str) -> None:
    with pytest.raises(DepthError, match=said):
        Spans(edges_m)


@pytest.mark.parametrize(
    ("curves_m", "said"),
    [
        (((0.0, 1.0),), "a curve for each of 2 spans, got 1"),
        (((0.0, 1.0), (1.0,)), "2 to 256 samples of span 1's curve, got 1"),
        (((0.0, 1.0), tuple(np.linspace(1, 3, 257))), "got 257"),
        (((0.0, 1.0), (1.0, 2.0, 2.0, 3.0)), "span 1's curve to ascend"),
        (((0.0, 1.0), (1.0, math.nan, 3.0)), "span 1's curve to ascend"),
        (((0.0, 0.9), (1.0, 3.0)), "span 0's curve to lead from 0.0 to 1.0 m, got 0.0 to 0.9"),
    ],
)
def test_curves_that_cannot_be_are_refused(
    curves_m: tuple[tuple[float, ...], ...], said: str
) -> None:
    with pytest.raises(DepthError, match=said):
        Spans((0.0, 1.0, 3.0), curves_m)


@pytest.mark.parametrize(
    ("max_depth_m", "span_m", "said"),
    [
        (10, 3, "divides 10 m, got 3 m"),
        (10, 0, "more than 0"),
        (10, -1, "more than 0"),
        (10, 11, "at most the range"),
        (math.inf, 1, "range"),
        (10, math.nan, "more than 0"),
        (200, 1, "127 spans, got 200"),
        (15, 1e-9, r"127 spans, got 1\.5e[+]10"),
        (15, 1e-320, "127 spans, got inf"),
    ],
)
def test_uniform_spans_that_cannot_be_are_refused(
    max_depth_m: float, span_m: float, said: str
) -> None:
    with pytest.raises(DepthError, match=said):
        Spans.uniform(max_depth_m, span_m)


def test_uniform_spans_are_what_they_say() -> None:
    spans = Spans.uniform(15, 0.5)
    assert (spans.count, spans.codes_per_span, spans.max_depth_m) == (30, 8, 15)
    assert spans.edges_m == tuple(k / 2 for k in range(31))
    assert Spans.uniform(0.3, 0.1).count == 3
    np.testing.assert_allclose(Spans.uniform(15).steps_mm, [3.9216] * 15, atol=1e-4)


@pytest.mark.parametrize(
    ("max_depth_m", "dtype"), [(10, np.uint16), (65.535, np.uint16), (65.536, np.uint32)]
)
def test_sixteen_bits_are_taken_while_they_suffice(max_depth_m: float, dtype: Any) -> None:
    spans = Spans((0.0, 1.0, max_depth_m))
    assert depth_dtype(spans) == dtype
    decoded = Decoder(spans).decode(*encode(np.array([max_depth_m]), spans))
    assert decoded.dtype == dtype
    assert decoded == [round(1000 * max_depth_m)]
