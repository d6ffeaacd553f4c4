"""`tfl-depth inspect`: inputs, outputs, contract and computation of a .keras or .tflite model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfl_depth.diagnostics.inspect_report import keras_report, tflite_report
from tfl_depth.errors import ModelFileError
from tfl_depth.files import write_whole
from tfl_depth.tools.lib import command_result, command_run, model_options
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.tools.lib.inspect_html import page
from tfl_depth.tools.lib.inspect_text import sections, sections_text
from tfl_depth.tools.lib.output_checks import expect_file_output

EXAMPLE = "tfl-depth inspect model.tflite --html model.html"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command_run.run(lambda: _inspect(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth inspect",
        "Show a model's inputs, outputs, parameters and computation; of a .tflite also its\n"
        "contract, calibration, verification and signature. MACs are multiply-accumulates: one\n"
        "for each kernel element of a convolution or dense layer at each position.",
        EXAMPLE,
    )
    model_options.add_model(parser, "a .keras or .tflite file")
    model_options.add_public_key(parser)
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="also write a page, with a picture of each operator's cost",
    )
    command_result.add_json(parser)
    return parser


def _inspect(options: argparse.Namespace) -> None:
    expect_file_output(options.html)
    report = {"model": str(options.model), **_report(options)}
    if options.html is not None:
        write_whole(options.html, page(report).encode(errors="replace"))
    command_result.tell(options, report, sections_text(sections(report)))


def _report(options: argparse.Namespace) -> dict[str, Any]:
    path: Path = options.model
    if path.suffix not in (".keras", ".tflite"):
        raise ModelFileError(f"Expected MODEL to be a .keras or a .tflite file, got {path}.")
    model_options.expect_model(path)
    if path.suffix == ".tflite":
        content = path.read_bytes()
        return {"bytes": len(content), **tflite_report(content, options.public_key)}
    model_options.expect_no_key(path, options.public_key)
    return {"bytes": path.stat().st_size, **keras_report(path)}
