"""`tfl-depth evaluate`: the usual metrics of a model, alone or compared with another."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.evaluation.image_scores import ScoreTotals
from tfl_depth.evaluation.metrics import METRICS, mean_over_images
from tfl_depth.files import write_whole
from tfl_depth.tools.lib import (
    camera_options,
    command_progress,
    command_result,
    command_run,
    model_options,
    option_values,
    runner_options,
)
from tfl_depth.tools.lib.board_options import add_board_options, expect_board, tell_report
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.tools.lib.evaluate_blocks import (
    DISTANCE_EDGES_M,
    EvaluateBlock,
    image_scores,
    remove_notes,
)
from tfl_depth.tools.lib.evaluate_pictures import draw_images, draw_reliability
from tfl_depth.tools.lib.evaluate_predictor import open_board, open_predictor
from tfl_depth.tools.lib.evaluate_text import evaluate_text, images_csv
from tfl_depth.tools.lib.output_checks import expect_folder_output, expect_installed
from tfl_depth.tools.lib.workers import Workers, add_workers, are_many, open_workers

if TYPE_CHECKING:
    from tfl_depth.boards import RemoteBoard
    from tfl_depth.data.frames import Frames
    from tfl_depth.evaluation.evaluate import Predictor

EXAMPLE = (
    "tfl-depth evaluate model.tflite --dataset nyuv2 --data path/to/nyuv2 "
    "--against zoo/lite0-nyu-192x256/model.keras"
)
MIN_ZOOM = 0.1
Rows = list[dict[str, float]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.video is not None:
        if options.dataset is not None or options.data is not None or options.output is not None:
            parser.error("--video is measured alone: omit --dataset, --data and --output")
        if options.board is not None or options.delegate is not None or are_many(options):
            parser.error(
                "--video is measured by this process: omit --board, --delegate, --jobs, --cluster"
            )
        return command_run.run(lambda: _evaluate_video(options))
    if options.dataset is None or options.data is None:
        parser.error("expected --dataset and --data, or --video")
    if options.board is not None and are_many(options):
        parser.error("a board computes one photo at a time: omit --jobs and --cluster")
    return command_run.run(lambda: _evaluate(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth evaluate",
        "Measure metric depth by the usual protocol: without alignment, at the images' full size,\n"
        "with the dataset's crop and range, for each image, then the mean over images. With\n"
        "--video: how steady depth is if nothing moves. With --output, run it again to resume.",
        EXAMPLE,
    )
    model_options.add_model(parser, "a .keras or .tflite file")
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="of tfl_depth.data.DATASETS: nyuv2, kitti, ...",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="its folder")
    parser.add_argument(
        "--video",
        type=Path,
        metavar="FILE",
        help="of a still scene by a still camera: the temporal deviation of its pixels in mm",
    )
    parser.add_argument("--split", default="val", metavar="NAME", help="which images (val)")
    parser.add_argument(
        "--skip-broken", action="store_true", help="skip broken pairs, with a warning"
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="OTHER",
        help="a model to compare with on the same images: the change from OTHER to MODEL, with a "
        "paired bootstrap 95 %% interval",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for the table of images, and for pictures",
    )
    parser.add_argument(
        "--pictures",
        type=int,
        default=3,
        metavar="N",
        help="pictures of the N best and N worst images (3)",
    )
    parser.add_argument(
        "--zooms",
        type=_zooms,
        metavar="Z,Z,...",
        help="also show the same photos magnified, as 0.7,1,1.4, and measure whether depth follows "
        "the focal length; below 1 with a border",
    )
    camera_options.add_camera(parser, "of the photos", undistort=False)
    runner_options.add_delegate(parser)
    model_options.add_public_key(parser)
    add_workers(parser, "photos")
    command_result.add_json(parser)
    add_board_options(parser)
    return parser


def _zooms(text: str) -> tuple[float, ...]:
    zooms = option_values.numbers(text)
    if not all(MIN_ZOOM <= zoom <= 1 / MIN_ZOOM for zoom in zooms):
        raise argparse.ArgumentTypeError(f"expected zooms from 0.1 to 10, got {text!r}")
    if set(zooms) <= {1.0} or len(set(zooms)) < len(zooms):
        raise argparse.ArgumentTypeError(
            f"expected different zooms, of which one is not 1, like 0.7,1,1.4, got {text!r}"
        )
    return zooms


def _evaluate(options: argparse.Namespace) -> None:
    _check(options)
    from tfl_depth.data import open_split

    # Absolute, since the machines of a cluster have another working folder.
    folder = options.data.absolute()
    samples = open_split(options.dataset, folder, options.split, skip_broken=options.skip_broken)
    there: dict[str, Any] = {}
    with (
        open_board(options) as board,
        open_workers(options) if are_many(options) else contextlib.nullcontext() as workers,
    ):
        result = _measured(options, samples, board, there, workers)
        if board is not None:
            result |= {name: there[name] for name in ("placement", "time_ms")}
            tell_report(board, "evaluate", options, result, there["conditions"], evaluate_text)
            return
    command_result.tell(options, result, evaluate_text(result))


def _check(options: argparse.Namespace) -> None:
    """Check models and outputs before anything heavy is loaded."""
    expect_board(options)
    for model in (options.model, options.against):
        model_options.expect_model(model)
    expect_folder_output(options.output)
    if options.output is not None:
        expect_installed("matplotlib")


def _measured(
    options: argparse.Namespace,
    samples: Frames,
    board: RemoteBoard | None,
    there: dict[str, Any],
    workers: Workers | None,
) -> dict[str, Any]:
    """The result for `--json`. A board adds its facts to `there`."""
    parts = [options.model, options.against]
    steps = command_progress.Steps([str(each) for each in parts if each is not None])

    def totals_of(predict: Predictor, model: Path, zooms: Sequence[float] = ()) -> ScoreTotals:
        whole = EvaluateBlock(options, model, zooms, samples)
        shown = steps(image_scores(predict, whole, workers), len(samples), str(model))
        return ScoreTotals(shown, DISTANCE_EDGES_M)

    with open_predictor(options, options.model, board, there) as predict:
        totals = totals_of(predict, options.model, options.zooms or ())
        if options.output is not None:
            options.output.mkdir(parents=True, exist_ok=True)
            table = images_csv(totals.images).encode(errors="surrogateescape")  # names as on disk
            write_whole(options.output / "images.csv", table)
            draw_images(options, predict, samples, totals)
    result = _result(options, totals)
    by_distance = {options.model: totals.bins}
    if options.against is not None:
        with open_predictor(options, options.against, board, {}) as predict:
            other = totals_of(predict, options.against)
        by_distance[options.against] = other.bins
        result["against"] = _compare(str(options.against), other.rows, totals.rows)
    if options.output is not None:
        draw_reliability(options, by_distance)
        remove_notes(options.output)
    return result


def _result(options: argparse.Namespace, totals: ScoreTotals) -> dict[str, Any]:
    """What is measured of MODEL alone."""
    edges = totals.edges.metrics()
    result: dict[str, Any] = {
        "model": str(options.model),
        "dataset": options.dataset,
        "split": options.split,
        "images": len(totals.rows),
        "marked_pixels": totals.marked,
        "alignment": None,
        "metrics": mean_over_images(totals.rows),
        "pooled": totals.pooled.metrics(),
        "edges": None if edges is None else asdict(edges),
        "distance_bins": [asdict(each) for each in totals.bins.bins() if each.pixels],
    }
    if options.zooms is not None:
        from tfl_depth.evaluation.zooms import zoom_table

        result["zooms"] = asdict(zoom_table(totals.zooms, options.zooms))
    return result


def _evaluate_video(options: argparse.Namespace) -> None:
    from tfl_depth.tools.lib.video_steadiness import video_report, video_table

    report = video_report(options.model, options.against, options.video, options.public_key)
    command_result.tell(options, report, video_table(report))


def _compare(name: str, other: Rows, rows: Rows) -> dict[str, Any]:
    from tfl_depth.evaluation.bootstrap import paired_change

    return {
        "model": name,
        "metrics": mean_over_images(other),
        "change": {
            metric: asdict(paired_change([r[metric] for r in other], [r[metric] for r in rows]))
            for metric in METRICS
        },
    }
