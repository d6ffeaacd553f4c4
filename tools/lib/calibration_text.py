"""The result of a calibration as text."""

from __future__ import annotations

from collections.abc import Sequence

from tfl_depth.evaluation.depth_fit import DepthFit, Measured


def calibration_text(measured: Sequence[Measured], fit: DepthFit) -> str:
    """The measurements, the fit, and the errors of depth without and with the correction."""
    lines = [
        f"{each.name}: {each.true_m.mean():.3f} m measured, {each.depth_m.mean():.3f} m by the "
        f"model, {fit.correction.millimeters(each.depth_m).mean() / 1000:.3f} m corrected"
        for each in measured
    ]
    correction, change = fit.correction, fit.change
    offset = f" {1000 * correction.offset_m:+.0f} mm" if fit.kind == "scale and offset" else ""
    return "\n".join(
        [
            *lines,
            f"depth is {correction.scale:.4f} x the model's{offset} ({fit.kind})",
            f"before: {fit.before.mm:.0f} mm, {fit.before.share:.1%} from what was measured",
            f"after:  {fit.after.mm:.0f} mm, {fit.after.share:.1%}, each measurement left out of "
            "its fit",
            f"the error changes by {change.relative:+.0%}, 95 % interval {change.low:+.0%} to "
            f"{change.high:+.0%}, by {fit.measurements} measurements",
        ]
    )
