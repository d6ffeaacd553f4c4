"""`make figures-zoo`: how long the zoo's networks take on Ethos-U NPUs, as Vela estimates it.

Each checkpoint is converted to int8 with the split head and compiled for three NPUs. Nothing is run
on one.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from docs.scripts import figures
from docs.scripts.demo import ROOT, listed_photographs
from docs.scripts.result_file import write_result
from docs.scripts.zoo_chart import RESULTS
from tfl_depth.errors import ConversionError
from tfl_depth.tools import convert
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser

NPUS = ("ethos-u55-128", "ethos-u65-512", "ethos-u85-1024")
CHECKPOINTS = sorted(ROOT.glob("zoo/*/model.keras"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = make_parser(
        "zoo_latency",
        "Compile each network of the zoo for Ethos-U NPUs; write the times that Vela estimates,\n"
        "and the documents' tables and pictures.",
        "make figures-zoo",
    )
    parser.parse_args(argv)
    return command_run.run(_measure)


def _measure() -> None:
    write_result(RESULTS, measure())
    figures.write_documents()


def measure() -> dict[str, Any]:
    """The result file: of each checkpoint its digest, and its milliseconds on each target."""
    return {"head": "split", "precision": "int8", "entries": dict(map(_measured, CHECKPOINTS))}


def _measured(checkpoint: Path) -> tuple[str, dict[str, Any]]:
    from tfl_depth.converters.deployment import compile_for_target, refuse_unplaced
    from tfl_depth.targets import TARGETS

    name = checkpoint.parent.name
    model = _converted(checkpoint)
    on_targets = {}
    for target in NPUS:
        placement = compile_for_target(model, target, TARGETS[target]).placement
        refuse_unplaced(placement)  # nobody knows the time of what is left to the CPU
        assert placement.estimate is not None  # noqa: S101 - Vela compiles for all of them
        on_targets[target] = {
            "milliseconds": placement.milliseconds,
            "source": placement.source,
            **asdict(placement.estimate),
        }
    return name, {"sha256": digest(checkpoint), "targets": on_targets}


def digest(checkpoint: Path) -> str:
    """What a result is of."""
    return hashlib.sha256(checkpoint.read_bytes()).hexdigest()


def _converted(checkpoint: Path) -> bytes:
    """Calibrated with photographs of the scikit-image package: they do not change the time."""
    with tempfile.TemporaryDirectory() as folder:
        listing, output = Path(folder, "calibration.txt"), Path(folder, "model.tflite")
        listing.write_text(listed_photographs())
        arguments = [
            str(checkpoint),
            "--int8",
            "--recipe",
            "minmax",
            "--representative",
            str(listing),
        ]
        if convert.main([*arguments, "--max-depth", "10", "--output", str(output)]):
            raise ConversionError("The conversion failed: see the error above.")
        return output.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
