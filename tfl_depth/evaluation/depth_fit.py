"""A scale, or a scale and an offset, from the network's depth to measured distances.

Cross-validation decides whether a correction helps (leave-one-out: M. Stone, "Cross-Validatory
Choice and Assessment of Statistical Predictions", 1974), with the paired bootstrap interval of
tfl_depth/evaluation/bootstrap.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthCorrection
from tfl_depth.errors import CameraError
from tfl_depth.evaluation.bootstrap import Change, paired_change

Values = npt.NDArray[np.float64]
Kind = Literal["none", "scale", "scale and offset"]
# The least number of independent measurements: points by hand, or photos.
FEWEST, FEWEST_WITH_OFFSET = 3, 5


@dataclass(frozen=True)
class Measured:
    """Depth of one point or photo, and its true depth.

    Attributes:
        name: for messages.
        depth_m: (n,) of the network, above 0.
        true_m: (n,) measured, above 0.
    """

    name: str
    depth_m: Values
    true_m: Values


@dataclass(frozen=True)
class HeldOutError:
    """The mean error over measurements.

    Attributes:
        share: |depth - truth| / truth.
        mm: |depth - truth| in millimeters.
    """

    share: float
    mm: float


@dataclass(frozen=True)
class DepthFit:
    """A fitted correction and its effect.

    Attributes:
        kind: the kind of correction that helps most.
        correction: of the network's depth.
        before, after: the errors without the correction, and with it. For `after`, each measurement
            is corrected by a fit of all others.
        change: of the relative error from `before` to `after`, with a 95 % interval.
        measurements: how many there are.
    """

    kind: Kind
    correction: DepthCorrection
    before: HeldOutError
    after: HeldOutError
    change: Change
    measurements: int


def fit_depth(measured: Sequence[Measured]) -> DepthFit:
    """Choose and fit a correction.

    Raises:
        CameraError: there are fewer than 3 measurements, or no fit helps.
    """
    if len(measured) < FEWEST:
        raise CameraError(
            f"Expected {FEWEST} measurements or more, got {len(measured)}: with fewer the "
            "effect of a correction cannot be measured. Measure more distances, near and far."
        )
    before = _errors(measured, [DepthCorrection()] * len(measured))
    scale = _errors(measured, _left_out(measured, offset=False))
    kind: Kind = "scale"
    after = scale
    if len(measured) >= FEWEST_WITH_OFFSET:
        both = _errors(measured, _left_out(measured, offset=True))
        if paired_change(scale[:, 0], both[:, 0]).high < 0:
            kind, after = "scale and offset", both
    change = paired_change(before[:, 0], after[:, 0])
    if not change.high < 0:
        raise CameraError(
            "No correction helps: on measurements that were left out of the fit, the error changes "
            f"from {before[:, 0].mean():.1%} to {after[:, 0].mean():.1%}, with a 95 % interval of "
            f"{change.low:+.0%} to {change.high:+.0%} of it. Measure more distances, or leave "
            "depth as it is."
        )
    return DepthFit(
        kind=kind,
        correction=_fitted(measured, offset=kind == "scale and offset"),
        before=HeldOutError(*before.mean(axis=0)),
        after=HeldOutError(*after.mean(axis=0)),
        change=change,
        measurements=len(measured),
    )


def _left_out(measured: Sequence[Measured], *, offset: bool) -> list[DepthCorrection]:
    """For each measurement the fit to all others."""
    return [
        _fitted([*measured[:place], *measured[place + 1 :]], offset=offset)
        for place in range(len(measured))
    ]


def _fitted(measured: Sequence[Measured], *, offset: bool) -> DepthCorrection:
    """Fit by least squares of the relative error. Each measurement has the same weight.

    Raises:
        CameraError: the scale is not above 0.
    """
    columns, ones = [], []
    for each in measured:
        weight = 1 / np.sqrt(each.true_m.size)
        rows = [each.depth_m / each.true_m, 1 / each.true_m]
        columns.append(weight * np.stack(rows if offset else rows[:1], axis=1))
        ones.append(np.full(each.true_m.size, weight))
    found = np.linalg.lstsq(np.concatenate(columns), np.concatenate(ones), rcond=None)[0]
    scale, offset_m = (float(found[0]), float(found[1])) if offset else (float(found[0]), 0.0)
    if not (np.isfinite(found).all() and scale > 0):
        raise CameraError(
            f"Expected depth that grows with the measured distances, got a scale of {scale:.3g}: "
            "check the points and their distances."
        )
    return DepthCorrection(scale, offset_m)


def _errors(measured: Sequence[Measured], corrections: Sequence[DepthCorrection]) -> Values:
    """(n, 2): the relative error of each measurement, and its error in millimeters."""
    rows = []
    for each, correction in zip(measured, corrections, strict=True):
        apart = np.abs(correction.millimeters(each.depth_m) / 1000 - each.true_m)
        rows.append((float(np.mean(apart / each.true_m)), 1000 * float(np.mean(apart))))
    return np.array(rows)
