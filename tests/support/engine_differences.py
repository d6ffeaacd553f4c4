"""Measures how far engines of proof lie from the reference kernels: docs/figures/engines.json.

python -m tests.support.engine_differences RESULT MODEL...

`make engines` runs it. Of a ramp it measures the error of the decoded depth itself, and of another
model its proof. What is measured here replaces what the result file holds of these models and of
the engines that are installed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from tests.support import ramp
from tests.support.kernels import codes_of
from tfl_depth.encoding import CODES, Decoder, decode_float
from tfl_depth.files import write_whole
from tfl_depth.proof import ENGINES, prove_by

RAMPS = {ramp.file_name(name): name for name in ramp.SPANS}
Row = dict[str, float | bool | str | None]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    options = parser.parse_args(argv)
    update(options.result, options.models)


def update(result: Path, models: Sequence[Path]) -> None:
    """Measure with every engine that is installed here, and write what is new."""
    rows = json.loads(result.read_text()) if result.exists() else {}
    engines = [name for name, spec in ENGINES.items() if spec.how_to_install is None]
    for path, engine in product(models, engines):
        rows.setdefault(path.stem, {})[engine] = measure(path, engine)
    ordered = {model: rows[model] for model in sorted(rows)}
    write_whole(result, (json.dumps(ordered, indent=1) + "\n").encode())


def measure(path: Path, engine: str) -> Row:
    """What an engine makes of a model.

    Returns:
        `median_mm`, `p95_mm`, `max_mm`: of a ramp's error, or of the distance from the golden
        depth; `byte_for_byte`, as in `GoldenCheck`; and `versions` of the engine's parts.
    """
    proof = prove_by(engine, path)
    row: Row = {"byte_for_byte": proof.byte_for_byte, "versions": ENGINES[engine].versions}
    if path.name in RAMPS:
        error_mm = ramp_error_mm(path, engine)
        measures = [np.median(error_mm), np.percentile(error_mm, 95), error_mm.max()]
    else:
        measures = [proof.median_mm, proof.p95_mm, proof.max_mm]
    names = ("median_mm", "p95_mm", "max_mm")
    return {**{n: round(float(v), 2) for n, v in zip(names, measures, strict=True)}, **row}


def ramp_error_mm(path: Path, engine: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Millimeters (256, 256) between what a ramp decodes to and what it should.

    Raises:
        ValueError: two codes of a pixel contradict each other.
    """
    spans = ramp.SPANS[RAMPS[path.name]]
    with ENGINES[engine].open(path.read_bytes()) as opened:
        found = opened.run(ramp.image())
    integer, fractional = (codes_of(found[name]) for name in ("integer", "fractional"))
    if Decoder(spans).disagreement(integer, fractional).any():
        raise ValueError(f"{engine} contradicts itself on {path.name}.")
    decoded_m = decode_float(integer / spans.codes_per_span, fractional / CODES, spans)
    return 1000 * np.abs(decoded_m - ramp.depth_m(spans))


if __name__ == "__main__":
    main()
