"""`tfl-depth strategy`: every way to int8 for one network, measured on the same images."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.errors import ConversionError
from tfl_depth.files import write_whole
from tfl_depth.quiet import quiet
from tfl_depth.tools.lib import (
    command_progress,
    command_result,
    command_run,
    network_options,
)
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.tools.lib.given_options import given_options
from tfl_depth.tools.lib.output_checks import expect_folder_output, expect_installed
from tfl_depth.tools.lib.training_environment import TRAINING_ENVIRONMENT
from tfl_depth.tools.lib.workers import add_workers, are_many, open_workers

if TYPE_CHECKING:
    from tfl_depth.strategy.results import StudyResults

EXAMPLE = (
    "tfl-depth strategy network.onnx --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 "
    "--dataset nyuv2 --data path/to/nyuv2 --output report"
)
# Options that `convert` needs as well.
CONVERT_TOO = {"size", *network_options.INPUT_OPTIONS, *network_options.OUTPUT_OPTIONS}
ENVIRONMENT = TRAINING_ENVIRONMENT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    given = given_options(parser, sys.argv[1:] if argv is None else argv)
    options.as_given = {dest: words for dest, words in given if dest in CONVERT_TOO}
    return command_run.run(lambda: _strategy(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth strategy",
        "Convert a network with every recipe, measure each file on the same images, find the\n"
        "operators that the error comes from, and write the report: DIR/README.md, with the rows\n"
        "of this network (DIR/NAME/details.md, results.json, pictures) and of the networks that\n"
        "were measured into DIR before. Keras networks that return meters are trained too. Run it\n"
        "again to resume.",
        EXAMPLE,
    )
    parser.add_argument(
        "network", nargs="?", type=Path, metavar="NETWORK", help=network_options.NETWORK_HELP
    )
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="the same as NETWORK")
    parser.add_argument(
        "--dataset", required=True, metavar="NAME", help="of tfl_depth.data.DATASETS: nyuv2, ..."
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="its folder")
    parser.add_argument(
        "--split",
        default="val",
        metavar="NAME",
        help="images to measure on (val); calibration and training use train",
    )
    parser.add_argument(
        "--max-depth",
        dest="max_depth_m",
        type=float,
        metavar="METERS",
        help="range of the depth (the dataset's)",
    )
    network_options.add_network_options(parser)
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="folder of the report"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("runs/strategy"),
        metavar="DIR",
        help="folder of measurements, to resume from (runs/strategy)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="the most important experiments on 16 images"
    )
    parser.add_argument(
        "--no-training",
        dest="train",
        action="store_false",
        help="skip experiments that need training",
    )
    add_workers(
        parser,
        "rows",
        "; FP32, the sensitivity of operators, the error budget and rows with training stay in one "
        "process",
    )
    command_result.add_json(parser)
    return parser


def _strategy(options: argparse.Namespace) -> None:
    source = _source(options)
    arguments = network_options.network_arguments(options)
    if not source.exists():
        raise ConversionError(f"There is no network {source}.")
    expect_folder_output(options.output)
    expect_folder_output(options.work)
    expect_installed("matplotlib")
    with quiet():
        from tfl_depth.strategy.quant_study import QuantStudy
        from tfl_depth.strategy.results import FULL, QUICK, RESULTS
        from tfl_depth.strategy.study_input import NetworkOptions, open_study_input
        from tfl_depth.strategy.study_report import write_study_report
        from tfl_depth.strategy.study_scene import write_pictures

    # It warns of every network that is traced again, which is intended here.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    study_input = open_study_input(
        source,
        options.dataset,
        options.data,
        options.split,
        options=NetworkOptions(**arguments),
        max_depth_m=options.max_depth_m,
        effort=QUICK if options.quick else FULL,
        progress=_progress,
    )
    study = QuantStudy(study_input, options.work / study_input.name)
    with quiet(), open_workers(options) if are_many(options) else nullcontext() as compute:
        results = study.run(train=options.train, compute=compute)
    folder = options.output / study_input.name
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RESULTS, results.to_json().encode())
    write_pictures(folder, results, study.grid)
    report = write_study_report(options.output)
    command = _recommended(options, source, results)
    told = {"report": str(report), "results": str(folder / RESULTS), "recommended": command}
    command_result.tell(options, told, f"written: {report}\n\nrecommended:\n  {command}")


def _progress(items: Iterable[Any], total: int | None, what: str) -> Iterable[Any]:
    """Show an experiment as a step, and its parts as bars."""
    if what != "experiments":
        return command_progress.progress(items, total, what)
    experiments = list(items)
    return command_progress.each_step(experiments, [each.title for each in experiments])


def _recommended(options: argparse.Namespace, source: Path, results: StudyResults) -> str | None:
    """The command for the best file without training; None if there is no such file."""
    from tfl_depth.strategy.conclusions import recommended

    found = recommended(results, "per_channel")
    if found is None:
        return None
    words: list[str] = ["tfl-depth", "convert", str(source), "--int8"]
    words += ["--recipe", str(found.experiment.recipe), "--head", found.experiment.head]
    words += ["--max-depth", f"{results.max_depth_m:g}"]
    words += [word for each in options.as_given.values() for word in each]
    return shlex.join([*words, "--representative", "PHOTOS", "--output", "model.tflite"])


def _source(options: argparse.Namespace) -> Path:
    given = [path for path in (options.network, options.checkpoint) if path is not None]
    if len(given) != 1:
        raise ConversionError("Expected one network, a file or a folder.")
    return Path(given[0])
