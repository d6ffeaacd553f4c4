"""The part of g that is used: its ends, its direction, its spans."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.converters.head import measure_curve, place_spans
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError

Values = npt.NDArray[np.float64]
Function = Callable[[Values], Values]


def in_float32(function: Function) -> Function:
    """As the interpreter computes it."""

    def computed(y: Values) -> Values:
        with np.errstate(all="ignore"):
            return function(y.astype(np.float32)).astype(np.float64)

    return computed


def sigmoid(y: Values) -> Values:
    return 10 / (1 + np.exp(-y))


# g, values of photos, the range; and the ends that y and depth must have.
ENDS: dict[str, tuple[Function, tuple[float, float], tuple[float, float], list[float]]] = {
    "identity": (lambda y: y, (0.7, 9), (0, 10), [0, 10, 0, 10]),
    "photos beyond the range": (lambda y: y, (-3, 25), (0, 10), [0, 10, 0, 10]),
    "falling": (lambda y: 4 - 2 * y, (-1, 1), (0, 10), [2, -3, 0, 10]),
    "relu": (lambda y: np.maximum(y, 0), (-0.7, 9), (0, 10), [0, 10, 0, 10]),
    "clip": (lambda y: np.clip(3 * y + 1, 0.5, 9), (-0.5, 3), (0, 10), [-1 / 6, 8 / 3, 0.5, 9]),
    "mostly clipped": (lambda y: np.maximum(y, 0.3), (-9, 2), (0, 10), [0.3, 10, 0.3, 10]),
    "reciprocal": (lambda y: 1 / y, (0.2, 3), (0.1, 10), [10, 0.1, 0.1, 10]),
    "exp": (np.exp, (-1, 4), (0.1, 100), [np.log(0.1), np.log(100), 0.1, 100]),
    "log": (np.log, (1.5, 80), (0, 5), [1, np.exp(5), 0, 5]),
    "square root": (np.sqrt, (0.5, 40), (0, 10), [0, 100, 0, 10]),
    "square": (np.square, (0.2, 3), (0, 10), [0.01, 10**0.5, 0, 10]),
    "one over square": (lambda y: y**-2.0, (0.5, 3), (0.2, 10), [0.2**-0.5, 0.1**0.5, 0.2, 10]),
    "millimeters": (lambda y: y / 1000, (500, 9000), (0, 10), [0, 10000, 0, 10]),
    "never as far": (sigmoid, (-2, 3), (0, 15), [-8.54, 8.54, 0, 10]),
    "never as near": (lambda y: 2 + np.exp(y), (-2, 1), (0, 10), [-6.2, np.log(8), 2, 10]),
}


FLAT_ENDS = ("square", "never as far", "never as near")


@pytest.mark.parametrize("name", ENDS)
def test_the_ends_of_y(name: str) -> None:
    function, seen, range_m, expected = ENDS[name]
    curve = measure_curve(in_float32(function), seen, range_m)
    # Where depth creeps towards its end, y ends where half a step, 2 mm, is left.
    within = 0.05 if name in FLAT_ENDS else 1e-3 * abs(expected[1] - expected[0])
    np.testing.assert_allclose(curve.y[[0, -1]], expected[:2], atol=within)
    np.testing.assert_allclose(curve.ends_m, expected[2:], atol=1e-5)
    spans = place_spans(curve)
    assert (spans.edges_m[0], spans.edges_m[-1]) == curve.ends_m
    # The runtime takes them as they are.
    assert Spans(spans.edges_m, spans.curves_m).count == spans.count


@pytest.mark.parametrize(
    ("function", "seen", "words"),
    [
        (np.abs, (-1.0, 3.0), "monotonically"),
        (lambda y: 1 / y, (-0.2, 3.0), "monotonically"),
        (lambda y: 5 + 3 * np.sin(3 * y), (-2.0, 2.0), "monotonically"),
        (lambda y: 3 + 0 * y, (-1.0, 1.0), "3 m for every value"),
        (lambda y: 50 + y, (-1.0, 1.0), "got 49 to 51 m"),
        (lambda y: np.log(y), (-3.0, -1.0), "no numbers"),
    ],
)
def test_refused(function: Function, seen: tuple[float, float], words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        measure_curve(in_float32(function), seen, (0.0, 10.0))


def test_straight_depth_keeps_the_edges_of_a_meter() -> None:
    spans = place_spans(measure_curve(lambda y: y, (1.0, 9.0), (0.0, 10.0)))
    assert spans.edges_m == spans.edges_y == tuple(range(11))
    assert spans.curves_m is None and spans.worst_step_mm == pytest.approx(1000 / 255)


def test_no_more_spans_than_leave_17_codes_each() -> None:
    spans = place_spans(measure_curve(lambda y: y, (1.0, 60.0), (0.0, 80.0)))
    assert (spans.count, spans.codes_per_span) == (15, 17)


@pytest.mark.parametrize("per_channel", [True, False])
def test_the_worst_step_is_the_same_in_all_spans(per_channel: bool) -> None:
    curve = measure_curve(in_float32(np.exp), (-1, 4), (0.1, 100.0))
    spans = place_spans(curve, count=15, per_channel=per_channel)
    assert spans.curves_m is not None
    steps = [1000 * np.diff(c).max() * (len(c) - 1) / 255 for c in spans.curves_m]
    gains = 1 / np.diff(spans.edges_y)
    if per_channel:
        np.testing.assert_allclose(steps, steps[0], rtol=0.05)
        # The bound of section 6: half a step of 15.4 mm.
        assert max(steps) / 2 < 15.5
    else:
        assert max(steps) / 2 < 1.35 * 15.5
        assert len(np.unique(gains.round(6))) <= 6


def test_edges_of_the_user_go_through_the_inverse_of_g() -> None:
    curve = measure_curve(in_float32(lambda y: 1 / y), (0.2, 3), (0.1, 10.0))
    spans = place_spans(curve, edges_m=(0.5, 1, 2, 4, 8))
    np.testing.assert_allclose(spans.edges_y, [2, 1, 0.5, 0.25, 0.125], rtol=1e-3)
    assert spans.edges_m == (0.5, 1, 2, 4, 8)
    assert place_spans(curve, edges_m=(0, 1, 20)).edges_m == (0.1, 1, 10)
    with pytest.raises(ConversionError, match=r"0\.1 to 10 m, got 0, 11, 20 m"):
        place_spans(curve, edges_m=(0, 11, 20))
    with pytest.raises(ConversionError, match="ascending"):
        place_spans(curve, edges_m=(2, 1))


def test_samples_say_how_depth_runs() -> None:
    function = in_float32(sigmoid)
    spans = place_spans(measure_curve(function, (-2, 3), (0.0, 10.0)))
    assert spans.curves_m is not None
    place = np.linspace(0, 1, 1000)
    # But for the first and the last, whose ends are cut.
    for k in range(1, spans.count - 1):
        curve, (low, high) = spans.curves_m[k], spans.edges_y[k : k + 2]
        depth_m = np.interp(place, np.linspace(0, 1, len(curve)), curve)
        exact = function(low + (high - low) * place)
        step = np.gradient(exact) * 999 / 255
        assert np.all(np.abs(depth_m - exact) <= np.maximum(0.1 * step, 0.00025))
        assert len(curve) < 100
