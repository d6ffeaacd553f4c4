"""Functions of one number, compared by their values on a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Tensor
from tfl_depth.converters.graph.rewrites.maker import Maker

Values = npt.NDArray[np.float64]
Writer = Callable[[Maker, Tensor], None]

_NEAR = np.concatenate([np.linspace(-8, 8, 1601), [-40, -20, -12, -10, 10, 12, 20, 40]])
_FAR = np.array([-1e4, -1e3, -1e2, 1e2, 1e3, 1e4])
# The points of the grid. Far points show limits such as min(x, 100). Exponentials are finite in
# float32 only on the near points.
GRID = np.concatenate([_NEAR, _FAR])
TOLERANCE = 3e-6


@dataclass(frozen=True)
class Known:
    """An activation.

    Attributes:
        values: the function of x.
        write: appends its operators.
    """

    values: Callable[[Values], Values]
    write: Writer


def is_near(values: Values, expected: Values) -> bool:
    """Whether values on the grid, (points,) or (points, channels), equal those of a function."""
    x = GRID if values.ndim == 1 else GRID[:, None]
    with np.errstate(invalid="ignore"):
        errors = np.abs(expected - values) / (1 + np.abs(x))
    return bool(np.all((errors <= TOLERANCE) | ~np.isfinite(values)))


def without_far(values: Values) -> Values:
    """Mask values at far points, where exponentials overflow."""
    left = values.copy()
    left[_NEAR.size :] = np.nan
    return left


def is_finite_near(values: Values) -> bool:
    """Whether values are finite at all near points of the grid."""
    return bool(np.isfinite(values[: _NEAR.size]).all())


def value_at(values: Values, x: float) -> Values:
    """Return the value, or the values of channels, at a point of the grid."""
    found: Values = values[np.argmin(np.abs(GRID - x))]
    return found


def sigmoid(x: Values) -> Values:
    """1 / (1 + exp(-x))."""
    return (1 + np.tanh(x / 2)) / 2
