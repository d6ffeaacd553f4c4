"""`tfl-depth placement`: where a model's operators run on a target."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tfl_depth.errors import ConversionError
from tfl_depth.files import write_whole
from tfl_depth.png import as_png
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.lib import (
    command_result,
    command_run,
    model_options,
    runner_options,
    target_options,
)
from tfl_depth.tools.lib.board_options import (
    add_board_options,
    board_arguments,
    expect_board,
    run_on_board,
)
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.tools.lib.output_checks import expect_file_output

EXAMPLE = "tfl-depth placement model.tflite --target ethos-u55-128 --picture placement.png"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.board is not None:
        arguments = [options.model, *board_arguments(parser, argv)]
        return command_run.run(lambda: _placement_there(options, arguments))
    return command_run.run(lambda: _placement(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth placement",
        "Show for each operator of a portable .tflite model where it runs on a target. If it is\n"
        "not the NPU, also show the reason and what to change. For an Ethos-U also show Vela's\n"
        "estimate of memory and time. The time is unknown if an operator runs on the CPU.\n"
        "With --delegate or --board the model is opened there, and the delegate takes its\n"
        "operators.",
        EXAMPLE,
    )
    model_options.add_model(parser, "a .tflite, not compiled yet")
    target_options.add_options(parser, default=None)
    runner_options.add_delegate(parser)
    model_options.add_public_key(parser)
    command_result.add_json(parser)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="also write a picture, a .png")
    add_board_options(parser)
    return parser


def _placement_there(options: argparse.Namespace, arguments: list[str | Path]) -> None:
    _refuse_target(options)
    run_on_board("placement", options, arguments)


def _refuse_target(options: argparse.Namespace) -> None:
    if options.target is not None or options.picture is not None or options.strict_placement:
        raise ConversionError(
            "--target, --strict-placement and --picture predict where operators run; --delegate "
            "and --board open the model (--strict refuses a rest on the CPU): give one of the two."
        )


def _placement_here(options: argparse.Namespace) -> None:
    """Open the model with a delegate, and see which operators that takes."""
    _refuse_target(options)
    with DepthRunner(options.model, **runner_options.runner_settings(options)) as runner:
        coverage = runner.delegate_coverage
    taken = (
        f"{coverage.taken} of {coverage.operators} operators on {coverage.delegate or 'the CPU'}"
    )
    left = [f"on the CPU: {count} {kind}" for kind, count in coverage.left.items()]
    command_result.tell(options, {"placement": asdict(coverage)}, "\n".join([taken, *left]))


def _placement(options: argparse.Namespace) -> None:
    expect_board(options)
    if options.delegate is not None:
        _placement_here(options)
        return
    if options.target is None:
        raise ConversionError(
            "Expected --target, to predict where operators run, or --delegate, to open the model."
        )
    target = target_options.chosen(options)
    model_options.expect_model(options.model)
    if options.picture is not None and options.picture.suffix != ".png":
        raise ConversionError(f"Expected a picture that ends in .png, got {options.picture}.")
    expect_file_output(options.picture)
    from tfl_depth.converters.deployment import compile_for_target, refuse_unplaced
    from tfl_depth.converters.deployment.picture import placement_picture

    placement = compile_for_target(options.model.read_bytes(), options.target, target).placement
    if options.strict_placement:
        refuse_unplaced(placement)
    if options.picture is not None:
        title = f"{options.model.name} on {options.target}"
        write_whole(options.picture, as_png(placement_picture(placement, title)))
    text = f"{target_options.summary(placement)}\n\n{target_options.table(placement)}"
    command_result.tell(options, placement.as_report(), text)
