"""`tfl-depth zoo`: the trained networks that come with the repository, and their ready files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from tfl_depth.targets import TARGETS
from tfl_depth.tools.lib import command_progress, command_result, command_run
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.zoo_folder import FLOAT, INT8, ZooEntry, zoo_entries, zoo_entry, zoo_folder

EXAMPLE = "tfl-depth zoo make lite0-nyu --target ethos-u55-128"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if (options.action is None) != (options.name is None):
        parser.error("expected `tfl-depth zoo`, or `tfl-depth zoo make NAME`")
    return command_run.run(lambda: _list(options) if options.action is None else _make(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth zoo",
        "List the trained networks that come with the repository, with their error on photos\n"
        "that did not train them and the files that are ready. `zoo make NAME` makes the INT8\n"
        f"file ({INT8}) of a network, or with --target the model of a board (TARGET.tflite and\n"
        f"its files). It needs the float network ({FLOAT}); where that is missing, it makes it,\n"
        "which takes Keras. `tfl-depth infer photo.jpg --model NAME` runs the INT8 file.",
        EXAMPLE,
    )
    parser.add_argument("action", nargs="?", choices=("make",), help="make the files of NAME")
    parser.add_argument("name", nargs="?", metavar="NAME", help="of a network, as it is listed")
    parser.add_argument(
        "--target",
        choices=TARGETS,
        default="cpu",
        metavar="TARGET",
        help="where the model will run, as for `tfl-depth convert` (cpu)",
    )
    parser.add_argument(
        "--representative",
        metavar="PATH",
        help="photos to calibrate with, as for `tfl-depth convert` (those of the package "
        "scikit-image; photos of your camera are better)",
    )
    parser.add_argument(
        "--golden-photos", metavar="PATH", help="photos for the golden vectors (of PATH)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    command_result.add_json(parser)
    return parser


def _list(options: argparse.Namespace) -> None:
    entries = zoo_entries()
    shown = "\n".join([*_lines(entries)]) if entries else f"There is no zoo at {zoo_folder()}."
    command_result.tell(options, [_facts(entry) for entry in entries], shown)


def _facts(entry: ZooEntry) -> dict[str, Any]:
    metrics = entry.metrics
    recipe = metrics["recipe"]
    return {
        "name": entry.name,
        "folder": str(entry.folder),
        "parameters": metrics["parameters"],
        "abs_rel": metrics["metrics"]["abs_rel"],
        "measured_on": f"{metrics['dataset']} {metrics['split']}",
        "input": [recipe["height"], recipe["width"]],
        "ready": {file.name: file.stat().st_size for file in entry.ready},
    }


def _lines(entries: Sequence[ZooEntry]) -> list[str]:
    rows = [("name", "parameters", "abs_rel", "input", "ready files")]
    for facts in map(_facts, entries):
        height, width = facts["input"]
        ready = [f"{name} ({size / 1e6:.1f} MB)" for name, size in facts["ready"].items()]
        rows.append(
            (
                facts["name"],
                f"{facts['parameters'] / 1e6:.1f} M",
                f"{facts['abs_rel']:.4f}",
                f"{height}x{width}",
                ", ".join(ready) or f"none: tfl-depth zoo make {facts['name']}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _make(options: argparse.Namespace) -> None:
    from tfl_depth.converters.zoo_models import make_model

    made, files = make_model(
        zoo_entry(options.name),
        options.target,
        representative=options.representative,
        golden_photos=options.golden_photos,
        overwrite=options.overwrite,
        progress=command_progress.progress,
    )
    named = [f"  {file}" for file in files]
    result = {**made.report, "target": options.target, "files": [*map(str, files)]}
    command_result.tell(options, result, "\n".join([str(made), *named]))
