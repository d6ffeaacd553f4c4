"""Is it depth? Outputs that are none are refused, with advice that is true of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.converters.head import Formula
from tfl_depth.converters.head.check import check_depth
from tfl_depth.errors import ConversionError

Map = npt.NDArray[np.float64]


def room(seed: int) -> Map:
    """Depth of a room, (24, 32) in meters: a floor, a wall, and things in front of it."""
    random = np.random.default_rng(seed)
    wall, camera = random.uniform(3, 6), random.uniform(1.2, 1.7)
    rows = np.linspace(-0.4, 0.6, 24)[:, None]
    depth = np.minimum(wall, camera / np.maximum(rows, 1e-3)) * np.ones((24, 32))
    for _ in range(4):
        row, column = random.integers(4, 18), random.integers(0, 26)
        depth[row : row + 6, column : column + 6] *= random.uniform(0.6, 0.95)
    return depth + random.normal(scale=0.01, size=depth.shape)


ROOMS = [room(seed) for seed in range(12)]
FAR = max(each.max() for each in ROOMS)


def checked(of: Callable[[Map], Map], formula: Formula | None = None, **given: Any) -> Any:
    range_m = given.pop("range_m", (0.0, 10.0))
    return check_depth([of(each) for each in ROOMS], formula or Formula(), range_m, **given)


def test_depth_passes() -> None:
    found = checked(lambda z: z, most_m=10.0)
    assert found.errors == found.warnings == ()
    found.refuse()
    assert found.below == found.above == 0
    assert found.percentiles_m[3] == pytest.approx(np.median(ROOMS))


# What a network gives, and a formula of the option in the advice that makes depth of it again.
WRONG: dict[str, tuple[Callable[[Map], Map], dict[str, Any], str, Formula]] = {
    "millimeters": (lambda z: 1000 * z, {}, r"--unit mm", Formula("mm")),
    "centimeters": (lambda z: 100 * z, {}, r"--unit cm", Formula("cm")),
    "inverse": (lambda z: 1 / z, {}, r"--inverse", Formula(inverse=True)),
    "disparity": (
        lambda z: (1 / z - 0.1) / (10 - 0.1),
        {"most_m": 1.0},
        r"--disparity 0\.1,10",
        Formula(disparity=(0.1, 10)),
    ),
    "reciprocal": (lambda z: 10 / z, {}, r"--reciprocal SCALE", Formula(reciprocal=10)),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_advice_makes_depth_of_it(name: str) -> None:
    of, given, advice, formula = WRONG[name]
    found = checked(of, **given)
    assert len(found.errors) == 1 and re.search(advice, found.errors[0])
    with pytest.raises(ConversionError, match=advice):
        found.refuse()
    again = check_depth([of(each) for each in ROOMS], formula, (0.0, 10.0))
    assert again.errors == again.warnings == ()
    np.testing.assert_allclose(again.percentiles_m, checked(lambda z: z).percentiles_m)


@pytest.mark.parametrize("name", ["millimeters", "centimeters"])
def test_no_advice_that_is_not_true(name: str) -> None:
    (error,) = checked(WRONG[name][0]).errors
    assert len(re.findall(r"--\S+", error)) == 1


def test_too_short_a_range_names_one_that_holds_the_depth() -> None:
    (error,) = checked(lambda z: 8 * z).errors
    found = re.search(r"--max-depth (\d+)", error)
    assert found is not None and 8 * np.quantile(ROOMS, 0.999) <= float(found[1]) < 9 * FAR
    assert "--unit" not in error
    again = checked(lambda z: 8 * z, range_m=(0.0, float(found[1])))
    assert again.errors == ()


def test_some_pixels_outside_are_a_warning() -> None:
    found = checked(lambda z: z, range_m=(0.0, float(np.quantile(ROOMS, 0.93))))
    assert found.errors == () and "--max-depth" in found.warnings[0]
    assert found.above == pytest.approx(0.07, abs=0.02)


def test_ranges_that_are_much_too_long_are_a_warning() -> None:
    assert "--max-depth" in checked(lambda z: z, range_m=(0.0, 80.0)).warnings[0]
    assert "--max-depth 6 " in checked(lambda z: z, most_m=6.0).warnings[0]


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (lambda z: np.log(z / 11 / (1 - z / 11)), "negative.*last activation"),
        (lambda z: np.where(z > 5, np.nan, z), "NaN or infinity at .*--input-range"),
        (lambda z: 0 * z + 5, "5 m at every pixel.*--input-range"),
        (lambda z: ROOMS[0], "same map for every photo.*--input-range"),
        (lambda z: np.maximum(z - 20, 0) + 1e-9 * z, "0 m or less at 100%"),
    ],
)
def test_outputs_that_no_option_mends(of: Callable[[Map], Map], words: str) -> None:
    (error,) = checked(of).errors
    assert re.search(words, error)
    assert "--unit" not in error and "--disparity" not in error


def test_a_formula_on_metric_depth_is_noticed() -> None:
    (error,) = checked(lambda z: z, Formula(inverse=True)).errors
    assert "neither --disparity nor --reciprocal nor --inverse" in error


def test_few_photos_do_not_tell_which_way_up_depth_runs() -> None:
    found = check_depth([1 / each for each in ROOMS[:4]], Formula(), (0.0, 1.0))
    assert found.errors == ()
