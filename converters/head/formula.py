"""Formulas from a network's output to meters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tfl_depth.choices import expect_choice
from tfl_depth.errors import ConversionError

Unit = Literal["m", "cm", "mm"]
METERS: dict[Unit, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001}


@dataclass(frozen=True)
class Formula:
    """The formula from a network's output to meters.

    Attributes:
        unit: of the depth.
        disparity: (least, greatest) depth in `unit`, of an output of 0 to 1 as in monodepth2's
            disp_to_depth: depth = 1 / (1 / greatest + (1 / least - 1 / greatest) * output).
        reciprocal: depth = reciprocal / output.
        inverse: depth = 1 / output.

    Raises:
        ConversionError: on creation, if values are invalid or contradict each other.
    """

    unit: Unit = "m"
    disparity: tuple[float, float] | None = None
    reciprocal: float | None = None
    inverse: bool = False

    def __post_init__(self) -> None:
        expect_choice("unit", self.unit, Unit, ConversionError)
        given = [self.disparity is not None, self.reciprocal is not None, self.inverse]
        if sum(given) > 1:
            raise ConversionError("Expected one of --disparity, --reciprocal and --inverse.")
        if self.disparity is not None:
            least, greatest = self.disparity
            if not (0 < least < greatest and math.isfinite(greatest)):
                raise ConversionError(
                    "Expected --disparity MIN,MAX to be two ascending depths above 0, got "
                    f"{least:g},{greatest:g}."
                )
        scale = self.reciprocal
        if scale is not None and not (math.isfinite(scale) and scale > 0):
            raise ConversionError(f"Expected --reciprocal to be a number above 0, got {scale:g}.")

    @property
    def divides(self) -> bool:
        """Whether depth is a quotient with the output in the denominator."""
        return self.disparity is not None or self.reciprocal is not None or self.inverse

    @property
    def numbers(self) -> tuple[float, float, float]:
        """(a, b, c): depth in meters is a * output, or a / (b + c * output) if it `divides`."""
        meters = METERS[self.unit]
        if self.disparity is not None:
            least, greatest = self.disparity
            return meters, 1 / greatest, 1 / least - 1 / greatest
        if self.divides:
            return meters * (self.reciprocal or 1.0), 0.0, 1.0
        return meters, 0.0, 0.0

    def __call__(self, output: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Convert a network's output to meters, float64 of its shape. Division by 0 is infinite."""
        a, b, c = self.numbers
        values = np.asarray(output, np.float64)
        if not self.divides:
            return a * values
        with np.errstate(divide="ignore"):
            return np.asarray(a / (b + c * values))

    def __str__(self) -> str:
        a, b, c = self.numbers
        if not self.divides:
            return "depth = output" if a == 1 else f"depth = {a:g} * output"
        below = "output" if b == 0 else f"({b:g} + {c:g} * output)"
        return f"depth = {a:g} / {below}"
