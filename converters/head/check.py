"""Is it depth? What a network gives for photos, before anything is clipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.head.advice import (
    disparities,
    inversions,
    makes_depth,
    options,
    rounded_up,
    values_of,
    with_advice,
)
from tfl_depth.converters.head.formula import Formula
from tfl_depth.converters.head.plausible import (
    Maps,
    falls_upwards,
    is_constant,
    is_one_map,
    outside,
)
from tfl_depth.errors import ConversionError

# Shares of pixels outside the range: a warning, a refusal.
_WARN, _REFUSE = 0.02, 0.2
_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
# The end of sigmoids, and a little more.
_UNIT_END = 1.0001
# Shares of the range: a network that ends there, and photos that end there, use little of it.
_USED, _FILLED = 0.7, 0.1
_NORMALIZATION = "check how it takes pixels: --input-range, or --mean and --std"


@dataclass(frozen=True)
class DepthCheck:
    """What a network's depth on photos looks like.

    Attributes:
        below, above: shares of pixels at the ends of the range or outside of it, 0 to 1.
        percentiles_m: the 1st, 5th, 25th, 50th, 75th, 95th and 99th of depth, in meters.
        errors: why it is no depth in this range, with what to do.
        warnings: what is odd about it.
    """

    below: float
    above: float
    percentiles_m: tuple[float, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    def refuse(self) -> None:
        """Raise where there are errors.

        Raises:
            ConversionError: there are; the text is the first one.
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
    """Check whether a network gives depth in a range.

    Args:
        outputs: for each photo (H, W), what the network gives in FP32, before the formula.
        formula: from that to meters.
        range_m: least and greatest depth.
        most_m: the greatest depth that the network can give at all, where that is known.
        upright: whether photos may be expected to show what is near at their bottom.
    """
    values = values_of(outputs)
    if not np.isfinite(values).all():
        share = np.mean(~np.isfinite(values))
        text = f"The network gives NaN or infinity at {share:.1%} of the pixels: {_NORMALIZATION}."
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
    """What is wrong, the first of what may be."""
    maps_m = [formula(output) for output in outputs]
    middle_m = float(np.median(values_of(maps_m)))
    below, above = outside(maps_m, range_m)
    negative = float(np.mean(values_of(outputs) < 0))
    if is_constant(outputs):
        yield f"The network gives {middle_m:g} m at every pixel of every photo: {_NORMALIZATION}."
    elif is_one_map(outputs):
        yield f"The network gives the same map for every photo: {_NORMALIZATION}."
    elif negative > _REFUSE:
        yield (
            f"The network's output is negative at {negative:.0%} of the pixels, as logits are: "
            "export the network with its last activation, so that it gives meters."
        )
    elif max(below, above) > _REFUSE:
        where = f"{range_m[1]:g} m or more" if above > below else f"about {range_m[0]:g} m or less"
        problem = (
            f"The network gives {where} at {max(above, below):.0%} of the pixels (median "
            f"{middle_m:g} m)"
        )
        yield with_advice(problem, outputs, options(outputs, formula, range_m))
    elif (
        upright
        and falls_upwards(maps_m)
        and makes_depth(outputs, inversions(outputs, formula, range_m))
    ):
        problem = (
            "Most photos get greater depth at the bottom than at the top, as inverse depth has"
        )
        advice = with_advice(problem, outputs, inversions(outputs, formula, range_m))
        yield f"{advice} Where the camera looks down and this is depth, state its unit: --unit m."
    elif most_m is not None and most_m <= _UNIT_END and range_m[1] >= 2:
        problem = f"The network cannot give more than {most_m:g} m, as if it gave disparity"
        yield with_advice(problem, outputs, disparities(range_m))


def _warnings(maps_m: Maps, range_m: tuple[float, float], most_m: float | None) -> Iterator[str]:
    """What is odd about depth that may be right."""
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
            f"The network cannot give more than {most_m:g} m: --max-depth {most_m:g} has finer "
            "steps."
        )
    elif far < _FILLED * range_m[1]:
        yield (
            f"Depth on the photos ends at {far:.3g} m: --max-depth {rounded_up(far):g} has finer "
            "steps."
        )
