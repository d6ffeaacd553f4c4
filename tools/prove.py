"""`tfl-depth prove`: whether a delegate gives the millimeters that the reference kernels gave."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from tfl_depth.errors import ProofError
from tfl_depth.files import write_together
from tfl_depth.png import as_png
from tfl_depth.runtime import DepthRunner, GoldenCheck
from tfl_depth.runtime.colorize import colorize
from tfl_depth.tools.lib import cli_common
from tfl_depth.tools.lib.board_options import (
    add_board_options,
    board_arguments,
    expect_board,
    run_on_board,
)

EXAMPLE = "tfl-depth prove model.tflite --delegate ethosu --output proof/"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.board is not None:
        arguments = [options.model, *board_arguments(parser, argv)]
        return cli_common.run(
            lambda: run_on_board("prove", options, arguments, output=options.output)
        )
    return cli_common.run(lambda: _prove(options))


def _parser() -> argparse.ArgumentParser:
    parser = cli_common.parser(
        "tfl-depth prove",
        "Run the photos that `tfl-depth convert` has put into a model, its golden vectors, and\n"
        "compare their depth in millimeters with what TensorFlow Lite's reference kernels gave.\n"
        "The exit status is 1 where the depth is wrong.",
        EXAMPLE,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .tflite of tfl-depth convert")
    cli_common.add_delegate(parser)
    cli_common.add_public_key(parser)
    cli_common.add_isolate(parser)
    cli_common.add_json(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="write the error of each golden image N there: N_error.png, 16 bit, millimeters, and "
        "N_error_color.png for people; made if absent",
    )
    add_board_options(parser)
    return parser


def _prove(options: argparse.Namespace) -> None:
    expect_board(options)
    settings = cli_common.runner_settings(options)
    with DepthRunner(options.model, isolate=options.isolate, **settings) as runner:
        warm, proof = runner.warm_up(), runner.prove()
        placement = asdict(runner.delegate_coverage)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        write_together(_pictures(proof, options.output))
    time_ms = {"first": 1000 * warm.first_s, "steady": 1000 * warm.steady_s}
    report = {**as_report(proof), "placement": placement, "time_ms": time_ms}
    cli_common.tell(options, report, str(proof))
    if proof.verdict == "wrong":
        raise ProofError("The interpreter or its delegate computes this model wrongly.")


def as_report(proof: GoldenCheck) -> dict[str, Any]:
    """What was found, ready for JSON."""
    report = {field.name: getattr(proof, field.name) for field in fields(proof) if field.repr}
    return {**report, "tolerance": proof.tolerance._asdict()}


def _pictures(proof: GoldenCheck, folder: Path) -> dict[Path, bytes]:
    """Absolute errors in millimeters, and in colors from nothing (dark) to the worst (bright)."""
    files = {}
    for number, error_mm in enumerate(np.abs(proof.error_mm)):
        shown_mm = np.clip(error_mm, 0, np.iinfo(np.uint16).max).astype(np.uint16)
        files[folder / f"{number}_error.png"] = as_png(shown_mm)
        # An error of 0 would be drawn as missing depth.
        picture = colorize(np.maximum(shown_mm, 1), max(round(proof.worst_mm), 1), 0)
        files[folder / f"{number}_error_color.png"] = as_png(picture)
    return files
