"""What few codes a span cost on a Hexagon: it rounds more coarsely at the boundary of two spans.

Measured on ramps in Qualcomm's HTP library: docs/figures/htp_spans.json, by `make htp-spans`.
"""

from __future__ import annotations

from tfl_depth.encoding import CODES
from tfl_depth.format.contract import Contract

# The Hexagons V68 and V69.
OLDER = ("SA8295", "SM8350", "SM8450", "SM8475")
# So many codes a span have an exact boundary, on an older Hexagon and on the others.
EXACT_CODES_OLDER, EXACT_CODES = 15, 21
# Below that: the worst error at a boundary, in steps of the code.
WORST_STEPS = 2.6


def exact_codes(soc: str) -> int:
    """How many codes a span must have for exact boundaries on a chip."""
    return EXACT_CODES_OLDER if soc in OLDER else EXACT_CODES


def boundary_cost(contract: Contract, soc: str) -> str | None:
    """A sentence on what a model's spans cost on a chip; None where boundaries are exact."""
    codes, enough = contract.spans.codes_per_span, exact_codes(soc)
    if contract.head != "split" or codes >= enough:
        return None
    worst_mm = WORST_STEPS * max(contract.spans.steps_mm)
    return (
        f"near a boundary of two spans this chip is off by up to {worst_mm:.0f} mm, since a span "
        f"has {codes} codes; at most {CODES // enough} spans (--span) have the {enough} codes that "
        "avoid it"
    )
