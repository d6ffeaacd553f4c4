"""What the number of codes a span costs on a Hexagon, which may round a span's boundary coarsely.

Measured on ramps in Qualcomm's HTP library: docs/figures/htp_spans.json, by `make htp-spans`.
"""

from __future__ import annotations

from tfl_depth.encoding import CODES
from tfl_depth.format.contract import Contract

# The Hexagons V68 and V69. All others compute alike.
OLDER = ("SA8295", "SM8350", "SM8450", "SM8475")
# Numbers of codes a span whose boundaries are off, and the worst error in steps of the code.
COARSE_ON_OLDER = {8: 4.51, 9: 2.48, 10: 4.44, 11: 2.48, 12: 2.41, 13: 2.55, 14: 2.5, 19: 2.51}
COARSE = {8: 2.27, 9: 2.5, 10: 2.31, 11: 2.48, 12: 2.41, 15: 2.5, 17: 2.52, 23: 2.49}


def worst_steps(codes_per_span: int, soc: str) -> float | None:
    """The worst error at a boundary on a chip, in steps; None where it is half a step as elsewhere.

    Fewer codes than 8, which were not measured, count as 8.
    """
    coarse = COARSE_ON_OLDER if soc in OLDER else COARSE
    return coarse.get(max(codes_per_span, min(coarse)))


def boundary_cost(contract: Contract, soc: str) -> str | None:
    """A sentence on what a model's spans cost on a chip; None where boundaries are exact."""
    spans = contract.spans
    steps = worst_steps(spans.codes_per_span, soc)
    if contract.head != "split" or steps is None:
        return None
    better = next(
        count for count in range(spans.count, 0, -1) if worst_steps(CODES // count, soc) is None
    )
    return (
        f"off by up to {steps * max(spans.steps_mm):.0f} mm near a boundary of two spans; "
        f"{better} spans (--span) are not"
    )
