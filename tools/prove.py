"""`tfl-depth prove`: whether a delegate, or an engine of proof, computes the right millimeters."""

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
from tfl_depth.proof import ENGINES, EngineProof, prove_by, prove_by_all
from tfl_depth.runtime import DepthRunner, GoldenCheck
from tfl_depth.runtime.colorize import colorize
from tfl_depth.runtime.model_content import read_model_content
from tfl_depth.tools.lib import command_result, command_run, model_options, runner_options
from tfl_depth.tools.lib.board_options import (
    add_board_options,
    board_arguments,
    expect_board,
    run_on_board,
)
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.tools.lib.output_checks import expect_folder_output

EXAMPLE = "tfl-depth prove model.tflite --delegate ethosu --output proof/"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.board is not None:
        arguments = [options.model, *board_arguments(parser, argv)]
        return command_run.run(
            lambda: run_on_board("prove", options, arguments, output=options.output)
        )
    return command_run.run(lambda: _prove(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth prove",
        "Run a model's golden vectors, the photos that `tfl-depth convert` has put into it.\n"
        "Compare their depth in millimeters with that of TensorFlow Lite's reference kernels,\n"
        "and the output tensors byte for byte. Without --delegate and --engine, compare the CPU\n"
        "and all engines of proof. The exit status is 1 if depth is wrong.\n\n"
        "engines of proof:\n"
        + "\n".join(f"  {name:10} {spec.title}" for name, spec in ENGINES.items()),
        EXAMPLE,
    )
    model_options.add_model(parser)
    runner_options.add_delegate(parser)
    parser.add_argument(
        "--engine", choices=ENGINES, metavar="NAME", help="use an engine of proof, see above"
    )
    model_options.add_public_key(parser)
    runner_options.add_isolate(parser)
    command_result.add_json(parser)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for the error of each golden image N: N_error.png, 16 bit, millimeters, and "
        "N_error_color.png for people; created if missing",
    )
    add_board_options(parser)
    return parser


def _prove(options: argparse.Namespace) -> None:
    expect_board(options)
    expect_folder_output(options.output)
    engines: list[EngineProof] = []
    measured: dict[str, Any] = {}
    if options.engine is not None:
        proof = prove_by(options.engine, _content(options))
    else:
        settings = runner_options.runner_settings(options)
        with DepthRunner(options.model, isolate=options.isolate, **settings) as runner:
            warm, proof = runner.warm_up(), runner.prove()
            placement = asdict(runner.delegate_coverage)
        times_ms = {"first": 1000 * warm.first_s, "steady": 1000 * warm.steady_s}
        measured = {"placement": placement, "time_ms": times_ms}
        if options.delegate is None:
            engines = prove_by_all(_content(options))
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        write_together(_pictures(proof, options.output))
    report = {**as_report(proof), **measured}
    if engines:
        report["engines"] = [_engine_report(each) for each in engines]
    command_result.tell(options, report, "\n".join([str(proof), *map(_engine_line, engines)]))
    _expect_right(proof, engines)


def _content(options: argparse.Namespace) -> bytes:
    """Read the model's bytes, and check the signature if required."""
    if options.engine is not None and (
        options.delegate or options.delegate_options or options.isolate
    ):
        raise ProofError(
            "Expected an engine of proof or a delegate, got both: omit --engine, or "
            "--delegate, --delegate-options and --isolate."
        )
    return read_model_content(options.model, options.public_key)


def _expect_right(proof: GoldenCheck, engines: Sequence[EngineProof]) -> None:
    """Refuse wrong depth.

    Raises:
        ProofError: an engine's depth is wrong, or that of the delegate.
    """
    wrong = [each.engine for each in engines if each.proof and each.proof.verdict == "wrong"]
    if wrong:
        raise ProofError(f"Wrong depth comes from: {', '.join(wrong)}.")
    if proof.verdict == "wrong":
        raise ProofError("The interpreter or its delegate computes this model wrongly.")


def as_report(proof: GoldenCheck) -> dict[str, Any]:
    """Return the result for JSON."""
    report = {field.name: getattr(proof, field.name) for field in fields(proof) if field.repr}
    return {**report, "tolerance": proof.tolerance._asdict()}


def _engine_report(found: EngineProof) -> dict[str, Any]:
    """Return one engine's row for JSON, with the fields of its proof if there is one."""
    row = {field.name: getattr(found, field.name) for field in fields(found)}
    proof = row.pop("proof")
    return {**row, **(as_report(proof) if proof else {"verdict": None, "byte_for_byte": None})}


def _engine_line(found: EngineProof) -> str:
    """Return one engine's row as text."""
    proof = found.proof
    if proof is None:
        return f"{found.engine:10} {found.problem}"
    same = {True: "byte for byte", False: "other bytes", None: "bytes not compared"}
    return (
        f"{found.engine:10} {proof.verdict}: {proof.median_mm:.0f} mm in the median, "
        f"{proof.p95_mm:.0f} mm at 95 %, {proof.max_mm:.0f} mm at worst, "
        f"{same[proof.byte_for_byte]}"
    )


def _pictures(proof: GoldenCheck, folder: Path) -> dict[Path, bytes]:
    """Draw absolute errors in millimeters, and in colors from 0 (dark) to the largest (bright)."""
    files = {}
    for number, error_mm in enumerate(np.abs(proof.error_mm)):
        shown_mm = np.clip(error_mm, 0, np.iinfo(np.uint16).max).astype(np.uint16)
        files[folder / f"{number}_error.png"] = as_png(shown_mm)
        # An error of 0 would be drawn as missing depth.
        picture = colorize(np.maximum(shown_mm, 1), max(round(proof.max_mm), 1), 0)
        files[folder / f"{number}_error_color.png"] = as_png(picture)
    return files
