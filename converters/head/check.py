"""Checks whether a network's output is depth, on photos and before clipping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.head.formula import Formula
from tfl_depth.converters.head.hints import (
    disparities,
    inversions,
    makes_depth,
    possible_options,
    rounded_up,
    values_of,
    with_hint,
)
from tfl_depth.converters.head.plausible import (
    Maps,
    falls_upwards,
    is_one_map,
    is_one_value,
    outside,
)
from tfl_depth.errors import ConversionError

# Shares of pixels outside the range that cause a warning and an error.
_WARN, _REFUSE = 0.02, 0.2
_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
# The largest value of a sigmoid, with a margin.
_UNIT_END = 1.0001
# A network, or photos, whose largest depth is below these shares of the range use too little of it.
_USED, _FILLED = 0.7, 0.1
_NORMALIZATION = "check the preprocessing of pixels: --input-range, or --mean and --std"


@dataclass(frozen=True)
class DepthCheck:
    """Result of the check.

    Attributes:
        below, above: shares of pixels at the ends of the range or outside of it, 0 to 1.
        percentiles_m: the 1st, 5th, 25th, 50th, 75th, 95th and 99th of depth, in meters.
        errors: why it is not depth in this range, and what to do.
        warnings: unusual facts.
    """

    below: float
    above: float
    percentiles_m: tuple[float, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    def refuse(self) -> None:
        """Raise the first error, if there is one.

        Raises:
            ConversionError: there is an error.
        """
        if self.errors:
            raise ConversionError(self.errors[0])


def check_depth(
    outputs: Maps,
    formula: Formula,
    range_m: tuple[float, float],
    *,
    most_m: float | None = None,
    upright: bool = True,
) -> DepthCheck:
    """Check whether a network's output is depth in a range.

    Args:
        outputs: (H, W) for each photo: the network's output in FP32, before the formula.
        formula: from the output to meters.
        range_m: least and greatest depth.
        most_m: the greatest depth that the network can output, if known.
        upright: whether the photos are expected to be nearer at the bottom.
    """
    values = values_of(outputs)
    if not np.isfinite(values).all():
        share = np.mean(~np.isfinite(values))
        where = f"{share:.1%} of the pixels"
        text = f"The network outputs NaN or infinity at {where}: {_NORMALIZATION}."
        return DepthCheck(0.0, 0.0, (), (text,), ())
    maps_m = [formula(output) for output in outputs]
    errors = tuple(_errors(outputs, formula, range_m, most_m, upright))
    return DepthCheck(
        *outside(maps_m, range_m),
        percentiles_m=tuple(float(p) for p in np.percentile(values_of(maps_m), _PERCENTILES)),
        errors=errors,
        warnings=() if errors else tuple(_warnings(maps_m, range_m, most_m)),
    )


def _errors(
    outputs: Maps,
    formula: Formula,
    range_m: tuple[float, float],
    most_m: float | None,
    upright: bool,
) -> Iterator[str]:
    """Return the first error."""
    maps_m = [formula(output) for output in outputs]
    middle_m = float(np.median(values_of(maps_m)))
    below, above = outside(maps_m, range_m)
    negative = float(np.mean(values_of(outputs) < 0))
    if is_one_value(outputs):
        yield f"The network outputs {middle_m:g} m at every pixel of every photo: {_NORMALIZATION}."
    elif is_one_map(outputs):
        yield f"The network outputs the same map for every photo: {_NORMALIZATION}."
    elif negative > _REFUSE:
        yield (
            f"The network's output is negative at {negative:.0%} of the pixels, as logits are: "
            "export the network with its last activation, so that it outputs meters."
        )
    elif max(below, above) > _REFUSE:
        where = f"{range_m[1]:g} m or more" if above > below else f"about {range_m[0]:g} m or less"
        problem = (
            f"The network outputs {where} at {max(above, below):.0%} of the pixels (median "
            f"{middle_m:g} m)"
        )
        yield with_hint(problem, outputs, possible_options(outputs, formula, range_m))
    elif (
        upright
        and falls_upwards(maps_m)
        and makes_depth(outputs, inversions(outputs, formula, range_m))
    ):
        problem = (
            "Most photos have larger values at the bottom than at the top, as inverse depth has"
        )
        hint = with_hint(problem, outputs, inversions(outputs, formula, range_m))
        yield f"{hint} If this is depth and the camera looks down, set its unit: --unit m."
    elif most_m is not None and most_m <= _UNIT_END and range_m[1] >= 2:
        problem = f"The network cannot output more than {most_m:g} m, as if it output disparity"
        yield with_hint(problem, outputs, disparities(range_m))


def _warnings(maps_m: Maps, range_m: tuple[float, float], most_m: float | None) -> Iterator[str]:
    """Yield warnings about depth that may be correct."""
    below, above = outside(maps_m, range_m)
    far = float(np.percentile(values_of(maps_m), 99.9))
    if above > _WARN:
        yield (
            f"Depth is {range_m[1]:g} m or more at {above:.1%} of the pixels: consider --max-depth "
            f"{rounded_up(max(far, range_m[1])):g}."
        )
    if below > _WARN:
        yield f"Depth is {range_m[0]:g} m or less at {below:.1%} of the pixels."
    if most_m is not None and most_m < _USED * range_m[1]:
        yield (
            f"The network cannot output more than {most_m:g} m: --max-depth {most_m:g} has finer "
            "steps."
        )
    elif far < _FILLED * range_m[1]:
        yield (
            f"Depth on the photos ends at {far:.3g} m: --max-depth {rounded_up(far):g} has finer "
            "steps."
        )
