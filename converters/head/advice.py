"""Options that would make depth of what a network gives, each tried before it is named."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.head.formula import METERS, Formula
from tfl_depth.converters.head.plausible import Maps, looks_like_depth

# Depth that no network of this kind gives, in meters.
_TOO_FAR_M = 200.0
# What disparity is tried with, where the range begins at 0.
_NEAREST_M = 0.1
# Share of the range that an unknown scale lets the farthest pixels fill.
_SCALED = 0.7


@dataclass(frozen=True)
class Option:
    """Something to try: its text, and what it stands for."""

    text: str
    formula: Formula
    range_m: tuple[float, float]
    least_filled: float = 0.1


def with_advice(problem: str, outputs: Maps, options: Iterator[Option]) -> str:
    """The problem, and those options that make depth of these very outputs."""
    good = [option.text for option in options if _works(outputs, option)]
    if not good:
        return (
            f"{problem}. No option makes depth of it: export the network so that it gives meters."
        )
    return (
        f"{problem}. It becomes depth with {' or '.join(good)}: choose what the network was "
        "trained with."
    )


def makes_depth(outputs: Maps, options: Iterator[Option]) -> bool:
    """Whether any option makes depth of these outputs."""
    return any(_works(outputs, option) for option in options)


def _works(outputs: Maps, option: Option) -> bool:
    depth_m = [option.formula(output) for output in outputs]
    return looks_like_depth(depth_m, option.range_m, option.least_filled)


def options(outputs: Maps, formula: Formula, range_m: tuple[float, float]) -> Iterator[Option]:
    """All options but inversions."""
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
    """Options for output that is greater where it is nearer."""
    if formula.divides:
        yield from options(outputs, formula, range_m)
        return
    yield Option("--inverse", Formula(inverse=True), range_m)
    # Any scale will do to try; its own is not to be seen.
    scale = _SCALED * range_m[1] * float(np.percentile(values_of(outputs), 5))
    if scale > 0:
        text = "--reciprocal SCALE (where depth is SCALE / output)"
        yield Option(text, Formula(reciprocal=scale), range_m)
    yield from disparities(range_m)


def disparities(range_m: tuple[float, float]) -> Iterator[Option]:
    """The option for output of 0 to 1 that is greater where it is nearer."""
    ends = (max(range_m[0], _NEAREST_M), range_m[1])
    text = "--disparity {:g},{:g} (the least and greatest depth of its training)".format(*ends)
    yield Option(text, Formula(disparity=ends), range_m, 0.03)


def rounded_up(depth_m: float) -> float:
    """The next depth of two digits."""
    step = 10.0 ** (math.floor(math.log10(depth_m)) - 1)
    return round(math.ceil(depth_m / step - 1e-9) * step, 6)


def values_of(maps: Maps) -> npt.NDArray[np.float64]:
    """All values of several maps."""
    return np.concatenate([np.ravel(each) for each in maps]).astype(np.float64)
