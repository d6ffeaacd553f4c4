"""`tfl-depth inspect`: what a .keras or a .tflite model takes, gives, holds and computes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfl_depth.errors import ModelFileError
from tfl_depth.files import write_whole
from tfl_depth.tools import command
from tfl_depth.tools.model_page import page
from tfl_depth.tools.model_report import of_keras, of_tflite
from tfl_depth.tools.model_sections import sections

EXAMPLE = "tfl-depth inspect model.tflite --html model.html"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command.run(lambda: _inspect(options))


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "tfl-depth inspect",
        "Show what a model takes, gives, holds and computes; of a .tflite also its contract, how\n"
        "it was made and verified, and who it is from. MACs are multiply-accumulates: one for\n"
        "each kernel element of a convolution or a dense layer at each position it is laid on.",
        EXAMPLE,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .keras or .tflite file")
    command.add_public_key(parser)
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="also write it as a page, with a picture of what each operator costs",
    )
    command.add_json(parser)
    return parser


def _inspect(options: argparse.Namespace) -> None:
    report = {"model": str(options.model), **_report(options)}
    if options.html is not None:
        write_whole(options.html, page(report).encode())
    command.tell(options, report, _text(report))


def _report(options: argparse.Namespace) -> dict[str, Any]:
    path: Path = options.model
    if path.suffix not in (".keras", ".tflite"):
        raise ModelFileError(f"Expected MODEL to be a .keras or a .tflite file, got {path}.")
    if not path.is_file():
        raise ModelFileError(f"There is no model {path}.")
    if path.suffix == ".tflite":
        content = path.read_bytes()
        return {"bytes": len(content), **of_tflite(content, options.public_key)}
    command.expect_no_key(path, options.public_key)
    return {"bytes": path.stat().st_size, **of_keras(path)}


def _text(report: dict[str, Any]) -> str:
    lines: list[str] = []
    for section in sections(report):
        lines += [*([""] if lines else []), section.title]
        lines += [f"  {name:<17} {text}" for name, text in section.rows]
    return "\n".join(lines)
