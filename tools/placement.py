"""`tfl-depth placement`: where a model's operators will run, before it goes to a board."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tfl_depth.errors import ConversionError, ModelFileError
from tfl_depth.files import write_whole
from tfl_depth.png import as_png
from tfl_depth.tools import command, targets

EXAMPLE = "tfl-depth placement model.tflite --target ethos-u55-128 --picture placement.png"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command.run(lambda: _placement(options))


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "tfl-depth placement",
        "Show for each operator of a portable .tflite model where it runs on a target, why not on\n"
        "its NPU and what to change; for an Ethos-U also the memory and the time that Vela\n"
        "estimates, unless an operator is left to the CPU, whose time nobody knows.",
        EXAMPLE,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .tflite, not compiled yet")
    targets.add_options(parser, default=None)
    command.add_json(parser)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="also draw it, as a .png")
    return parser


def _placement(options: argparse.Namespace) -> None:
    profile = targets.chosen(options)
    if not options.model.is_file():
        raise ModelFileError(f"There is no model {options.model}.")
    if options.picture is not None and options.picture.suffix != ".png":
        raise ConversionError(f"Expected a picture that ends in .png, got {options.picture}.")
    from tfl_depth.converters.targets import place, refuse_unplaced
    from tfl_depth.converters.targets.picture import placement_picture

    placement = place(options.model.read_bytes(), options.target, profile).placement
    if options.strict_placement:
        refuse_unplaced(placement)
    if options.picture is not None:
        title = f"{options.model.name} on {options.target}"
        write_whole(options.picture, as_png(placement_picture(placement, title)))
    text = f"{targets.table(placement)}\n\n{targets.summary(placement)}"
    command.tell(options, placement.as_report(), text)
