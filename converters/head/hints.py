"""Suggestions of options that turn a network's output into depth. Each is tried first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.head.formula import METERS, Formula
from tfl_depth.converters.head.plausible import Maps, looks_like_depth

# Depth that no network of this kind outputs, in meters.
_TOO_FAR_M = 200.0
# Least depth to try disparity with, if the range begins at 0.
_NEAREST_M = 0.1
# Share of the range that the farthest pixels reach, if the scale is unknown.
_SCALED = 0.7


@dataclass(frozen=True)
class Option:
    """An option to try: its text and its formula."""

    text: str
    formula: Formula
    range_m: tuple[float, float]
    least_filled: float = 0.1


def with_hint(problem: str, outputs: Maps, options: Iterator[Option]) -> str:
    """Return the problem, with the options that turn these outputs into depth."""
    good = [option.text for option in options if _works(outputs, option)]
    if not good:
        return (
            f"{problem}. No option turns it into depth: export the network so that it outputs "
            "meters."
        )
    return (
        f"{problem}. It becomes depth with {' or '.join(good)}: choose what the network was "
        "trained with."
    )


def makes_depth(outputs: Maps, options: Iterator[Option]) -> bool:
    """Whether any option turns these outputs into depth."""
    return any(_works(outputs, option) for option in options)


def _works(outputs: Maps, option: Option) -> bool:
    depth_m = [option.formula(output) for output in outputs]
    return looks_like_depth(depth_m, option.range_m, option.least_filled)


def possible_options(
    outputs: Maps, formula: Formula, range_m: tuple[float, float]
) -> Iterator[Option]:
    """Return all options except inversions."""
    far = float(np.percentile(formula(values_of(outputs)), 99.9))
    if range_m[1] < far <= _TOO_FAR_M:
        wider = rounded_up(far)
        yield Option(f"--max-depth {wider:g}", formula, (range_m[0], wider))
    if formula.divides:
        text = "neither --disparity nor --reciprocal nor --inverse"
        yield Option(text, Formula(formula.unit), range_m)
    else:
        for unit in METERS:
            if unit != formula.unit:
                yield Option(f"--unit {unit}", Formula(unit), range_m)
        yield from disparities(range_m)


def inversions(outputs: Maps, formula: Formula, range_m: tuple[float, float]) -> Iterator[Option]:
    """Return options for outputs that are larger if the pixel is nearer."""
    if formula.divides:
        yield from possible_options(outputs, formula, range_m)
        return
    yield Option("--inverse", Formula(inverse=True), range_m)
    # Any scale is enough for the trial. The real one is unknown.
    scale = _SCALED * range_m[1] * float(np.percentile(values_of(outputs), 5))
    if scale > 0:
        text = "--reciprocal SCALE (where depth is SCALE / output)"
        yield Option(text, Formula(reciprocal=scale), range_m)
    yield from disparities(range_m)


def disparities(range_m: tuple[float, float]) -> Iterator[Option]:
    """Return the option for outputs of 0 to 1 that are larger if the pixel is nearer."""
    ends = (max(range_m[0], _NEAREST_M), range_m[1])
    text = "--disparity {:g},{:g} (the least and greatest depth of its training)".format(*ends)
    yield Option(text, Formula(disparity=ends), range_m, 0.03)


def rounded_up(depth_m: float) -> float:
    """Round up to two digits."""
    step = 10.0 ** (math.floor(math.log10(depth_m)) - 1)
    return round(math.ceil(depth_m / step - 1e-9) * step, 6)


def values_of(maps: Maps) -> npt.NDArray[np.float64]:
    """Concatenate the values of several maps."""
    return np.concatenate([np.ravel(each) for each in maps]).astype(np.float64)
