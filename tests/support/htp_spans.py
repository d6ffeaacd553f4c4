"""Measures what few codes a span cost in an HTP's arithmetic: docs/figures/htp_spans.json.

python -m tests.support.htp_spans RESULT

Ramps with different numbers of 1 m spans are compiled for one chip of each group that computes
alike: all ten chips gave what one of the two gives. `make htp-spans` runs it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.support import ramp
from tests.support.kernels import codes_of
from tests.support.make_models import ramp_model
from tfl_depth.encoding import CODES, Decoder, Spans, decode_float
from tfl_depth.files import write_whole
from tfl_depth.proof import by_qnn_htp

# One number of spans for each number of codes a span, 8 to 63.
COUNTS = {CODES // count: count for count in range(31, 3, -1)}
# One chip with a Hexagon V68 or V69, and one with a later one.
SOCS = ("SM8350", "SM8650")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    result = parser.parse_args(argv).result
    rows: dict[str, dict[str, float]] = {}
    for count in COUNTS.values():
        spans = Spans.uniform(count)
        with tempfile.TemporaryDirectory() as work:
            model = ramp_model(spans, Path(work))
        rows[str(spans.codes_per_span)] = {soc: worst_steps(model, spans, soc) for soc in SOCS}
        print(spans.codes_per_span, rows[str(spans.codes_per_span)], flush=True)
    write_whole(result, (json.dumps(rows, indent=1) + "\n").encode())


def worst_steps(model: bytes, spans: Spans, soc: str) -> float:
    """The worst error of a ramp's depth on a chip, in steps of the code; half a step is the least.

    Raises:
        ValueError: two codes of a pixel contradict each other.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_qnn_htp, "SOC", soc)
        with by_qnn_htp.ByQnnHtp(model) as engine:
            found = engine.run(ramp.image())
    integer, fractional = (codes_of(found[name]) for name in ("integer", "fractional"))
    if Decoder(spans).disagreement(integer, fractional).any():
        raise ValueError(f"{soc} contradicts itself with {spans.codes_per_span} codes a span.")
    decoded_m = decode_float(integer / spans.codes_per_span, fractional / CODES, spans)
    error_mm = 1000 * np.abs(decoded_m - ramp.depth_m(spans))
    return round(float(error_mm.max()) / spans.steps_mm[0], 2)


if __name__ == "__main__":
    main()
