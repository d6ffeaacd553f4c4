"""tools/strategy: every way to int8 on one network and the same images, and a report of it."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from tfl_depth.files import write_whole
from tfl_depth.quiet import quiet
from tfl_depth.tools import command

EXAMPLE = (
    "tfl-depth strategy --checkpoint zoo/lite0-nyu-192x256/model.keras --dataset nyuv2 "
    "--data path/to/nyuv2 --output docs/strategy"
)
ENVIRONMENT = command.TRAINING_ENVIRONMENT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command.run(lambda: _strategy(options))


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "tfl-depth strategy",
        "Take a network to int8 in every way there is, measure each on the same images, find the\n"
        "layers that the error comes from, and write the report: DIR/README.md, with the results\n"
        "of this network (DIR/NAME/results.json, pictures) and of those measured into DIR before.\n"
        "Some hours; started again after an interruption, it measures what is missing.",
        EXAMPLE,
    )
    parser.add_argument(
        "--checkpoint", required=True, type=Path, metavar="FILE", help="a .keras file"
    )
    parser.add_argument(
        "--dataset", required=True, metavar="NAME", help="of tfl_depth.data.DATASETS: nyuv2, ..."
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="its folder")
    parser.add_argument(
        "--split",
        default="val",
        metavar="NAME",
        help="images to measure on (val); those of train calibrate and train",
    )
    parser.add_argument(
        "--max-depth", type=float, metavar="METRES", help="range of the outputs (the dataset's)"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="where the report goes"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("runs/strategy"),
        metavar="DIR",
        help="what is measured is kept there, to go on from (runs/strategy)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="the most important rows on 16 images: minutes"
    )
    command.add_json(parser)
    return parser


def _strategy(options: argparse.Namespace) -> None:
    with quiet():
        from tfl_depth.strategy.lab import Lab
        from tfl_depth.strategy.report import RESULTS, write_pictures, write_report
        from tfl_depth.strategy.subject import FULL, QUICK, open_subject

    # It warns of every network that is traced anew, which here is meant.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    subject = open_subject(
        options.checkpoint,
        options.dataset,
        options.data,
        options.split,
        QUICK if options.quick else FULL,
        command.progress,
        options.max_depth,
    )
    lab = Lab(subject, options.work / subject.name)
    results = lab.run()
    folder = options.output / subject.name
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    write_pictures(folder, results, lab)
    report = write_report(options.output)
    told = {"report": str(report), "results": str(folder / RESULTS)}
    command.tell(options, told, f"written: {report}")
