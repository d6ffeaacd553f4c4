"""`tfl-depth export`: a model's data for a program without Python."""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from tfl_depth.errors import OutputError
from tfl_depth.files import write_together
from tfl_depth.format.c_table import DECODER_HEADER, c_table
from tfl_depth.format.contract import read_contract
from tfl_depth.tools.lib import command_result, command_run, model_options
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser

EXAMPLE = "tfl-depth export c model.tflite --output firmware/model.h"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command_run.run(lambda: _export(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth export",
        "Write a model's table from the two output codes to millimeters as a C header, and the\n"
        "decoder tfl_depth.h next to it. Both are C99, need no library, no heap and no floating\n"
        "point, and compute the same millimeters as the runtime, bit by bit.",
        EXAMPLE,
    )
    parser.add_argument("format", choices=("c",), metavar="c", help="the programming language")
    model_options.add_model(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the header (MODEL with the suffix .h)"
    )
    parser.add_argument(
        "--name", metavar="NAME", help="beginning of the header's names (the header's file name)"
    )
    model_options.add_public_key(parser)
    command_result.add_json(parser)
    return parser


def _export(options: argparse.Namespace) -> None:
    model_options.expect_model(options.model)
    content = options.model.read_bytes()
    if options.public_key is not None:
        from tfl_depth.format.signing import check_signature

        check_signature(content, options.public_key)
    output = options.output or options.model.with_suffix(".h")
    decoder = output.with_name(DECODER_HEADER.name)
    if output == decoder:
        raise OutputError(f"Expected another name than {decoder.name}, which is the decoder's.")
    name = options.name or re.sub(r"\W|^(?=\d)", "_", output.stem, flags=re.ASCII)
    table = c_table(read_contract(content), hashlib.sha256(content).hexdigest(), name)
    write_together({output: table.encode(), decoder: DECODER_HEADER.read_bytes()})
    files = [str(output), str(decoder)]
    command_result.tell(options, {"files": files, "name": name}, f"written: {', '.join(files)}")
