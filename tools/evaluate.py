"""`tfl-depth evaluate`: the usual metrics of a model, alone or compared with another."""

from __future__ import annotations

import argparse
import contextlib
import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfl_depth.errors import CameraError, ModelFileError
from tfl_depth.evaluation.edges import FARTHEST_PX, EdgeErrors
from tfl_depth.evaluation.metrics import METRICS, BinnedMetrics, PooledMetrics, mean_over_images
from tfl_depth.files import write_whole
from tfl_depth.format.contract import read_contract
from tfl_depth.quiet import quiet
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.fit import DEFAULT_FIT
from tfl_depth.tools.lib import camera_options, cli_common
from tfl_depth.tools.lib.board_options import (
    add_board_options,
    board_settings,
    expect_board,
    say_what_was_said,
    tell_report,
)
from tfl_depth.tools.lib.command_parser import CommandParser
from tfl_depth.tools.lib.output_checks import expect_folder_output, expect_installed

if TYPE_CHECKING:
    from tfl_depth.boards import RemoteBoard
    from tfl_depth.data import Dataset, DatasetName, Sample
    from tfl_depth.evaluation.evaluate import Predictor

EXAMPLE = (
    "tfl-depth evaluate model.tflite --dataset nyuv2 --data path/to/nyuv2 "
    "--against zoo/lite0-nyu-192x256/model.keras"
)
# A file name may have 255 characters. Some are before and after it.
MAX_NAME_BYTES = 200
MIN_ZOOM = 0.1
Rows = list[dict[str, float]]
# Bins of true distance, up to the largest range of any dataset. Empty ones are not shown.
DISTANCE_EDGES_M = (0, 1, 2, 3, 5, 10, 20, 40, 80, 160, 1000)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.video is not None:
        if options.dataset is not None or options.data is not None or options.output is not None:
            parser.error("--video is measured alone: omit --dataset, --data and --output")
        if options.board is not None or options.delegate is not None:
            parser.error("--video is measured on this CPU: omit --board and --delegate")
        return cli_common.run(lambda: _evaluate_video(options))
    if options.dataset is None or options.data is None:
        parser.error("expected --dataset and --data, or --video")
    return cli_common.run(lambda: _evaluate(options))


def _parser() -> CommandParser:
    parser = cli_common.parser(
        "tfl-depth evaluate",
        "Measure metric depth by the usual protocol: without alignment, at the images' full size,\n"
        "with the dataset's crop and range, for each image, then the mean over images. With\n"
        "--video: how steady depth is if nothing moves.",
        EXAMPLE,
    )
    cli_common.add_model(parser, "a .keras or .tflite file")
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
    cli_common.add_delegate(parser)
    cli_common.add_public_key(parser)
    cli_common.add_json(parser)
    add_board_options(parser)
    return parser


def _zooms(text: str) -> tuple[float, ...]:
    zooms = cli_common.numbers(text)
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

    samples = open_split(
        options.dataset, options.data, options.split, skip_broken=options.skip_broken
    )
    there: dict[str, Any] = {}
    with _board(options) as board:
        result = _measured(options, samples, board, there)
        if board is not None:
            result |= {name: there[name] for name in ("placement", "time_ms")}
            tell_report(board, "evaluate", options, result, there["conditions"], _table)
            return
    cli_common.tell(options, result, _table(result))


def _check(options: argparse.Namespace) -> None:
    """Check models and outputs before anything heavy is loaded."""
    expect_board(options)
    for model in (options.model, options.against):
        cli_common.expect_model(model)
    expect_folder_output(options.output)
    if options.output is not None:
        expect_installed("matplotlib")


@contextlib.contextmanager
def _board(options: argparse.Namespace) -> Iterator[RemoteBoard | None]:
    """The board that --board names, or None."""
    if options.board is None:
        yield None
        return
    from tfl_depth.boards import RemoteBoard

    with RemoteBoard(options.board) as board:
        yield board


def _measured(
    options: argparse.Namespace,
    samples: Sequence[Sample],
    board: RemoteBoard | None,
    there: dict[str, Any],
) -> dict[str, Any]:
    """What `--json` prints; `there` is filled with what a board says of itself."""
    pooled, bins = PooledMetrics(), BinnedMetrics(DISTANCE_EDGES_M)
    edges = EdgeErrors()
    by_distance = {options.model: bins}
    zooms: dict[str, Any] = {}
    parts = [options.model, options.against]
    named = [str(each) for each in parts if each is not None]
    steps = cli_common.Steps(["zooms"] * (options.zooms is not None) + named)
    with _predictor(options, options.model, board, there) as predict:
        if options.zooms is not None:
            from tfl_depth.evaluation.zooms import evaluate_zooms

            shown = steps(samples, len(samples), "zooms")
            found = evaluate_zooms(predict, shown, _dataset(options.dataset), options.zooms)
            zooms = {"zooms": asdict(found)}
        shown = steps(samples, len(samples), str(options.model))
        marked = Counter[str]()
        rows = _rows(predict, _counted(shown, marked), options.dataset, pooled, bins, edges=edges)
        if options.output is not None:
            options.output.mkdir(parents=True, exist_ok=True)
            names = [sample.name for sample in samples]
            table = _csv(names, rows).encode(errors="surrogateescape")  # names need not be UTF-8
            write_whole(options.output / "images.csv", table)
            _draw(options, predict, samples, rows)
    result: dict[str, Any] = {
        "model": str(options.model),
        "dataset": options.dataset,
        "split": options.split,
        "images": len(rows),
        "marked_pixels": marked["pixels"],
        "alignment": None,
        "metrics": mean_over_images(rows),
        "pooled": pooled.metrics(),
        "edges": None if (errors := edges.metrics()) is None else asdict(errors),
        "distance_bins": [asdict(each) for each in bins.bins() if each.pixels],
        **zooms,
    }
    if options.against is not None:
        with _predictor(options, options.against, board, {}) as predict:
            shown = steps(samples, len(samples), str(options.against))
            by_distance[options.against] = BinnedMetrics(DISTANCE_EDGES_M)
            other = _rows(predict, shown, options.dataset, by_distance[options.against])
        result["against"] = _compare(str(options.against), other, rows)
    if options.output is not None:
        _draw_reliability(options, by_distance)
    return result


def _evaluate_video(options: argparse.Namespace) -> None:
    from tfl_depth.tools.lib.video_steadiness import video_report, video_table

    report = video_report(options.model, options.against, options.video, options.public_key)
    cli_common.tell(options, report, video_table(report))


def _counted(samples: Iterable[Sample], marked: Counter[str]) -> Iterator[Sample]:
    """Yield the samples, and count their pixels with a mark of no reading."""
    for sample in samples:
        marked["pixels"] += sample.marked
        yield sample


def _rows(
    predict: Predictor,
    samples: Iterable[Sample],
    dataset: DatasetName,
    *collectors: PooledMetrics | BinnedMetrics,
    edges: EdgeErrors | None = None,
) -> Rows:
    from tfl_depth.evaluation.evaluate import evaluate

    return evaluate(predict, samples, _dataset(dataset), collectors=collectors, edges=edges)


def _dataset(name: DatasetName) -> Dataset:
    from tfl_depth.data import DATASETS

    return DATASETS[name]


@contextlib.contextmanager
def _predictor(
    options: argparse.Namespace,
    model: Path,
    board: RemoteBoard | None,
    there: dict[str, Any],
) -> Iterator[Predictor]:
    """Predicts here, or a .tflite on a board; `there` is filled with what the board measured."""
    from tfl_depth.evaluation.evaluate import (
        frames_predictor,
        keras_predictor,
        runner_predictor,
    )

    settings = cli_common.runner_settings(options)
    if model.suffix == ".keras":
        cli_common.expect_no_key(model, options.public_key)
        if options.camera is not None or options.fov is not None or options.correct_focal:
            raise CameraError(
                f"Expected a .tflite file for --camera, --fov and --correct-focal, got {model}: "
                "its contract knows the camera of training. Convert it with --float32."
            )
        if model == options.model and (board is not None or options.delegate is not None):
            raise ModelFileError(f"A board and a delegate run a .tflite file, got {model}.")
        with quiet():  # Keras' backend prints messages
            from tfl_depth.models import load_model
        yield keras_predictor(load_model(model), options.fit or DEFAULT_FIT)
        return
    seen = camera_options.camera_settings(options)
    if board is not None:
        with board.frames(model, {**board_settings(settings), **seen}) as stream:
            camera_options.tell_correction(stream)
            yield frames_predictor(stream, read_contract(model.read_bytes()))
            there |= stream.finish()
            say_what_was_said(board.entry.name, stream.errors)
        return
    with DepthRunner(model, **settings, **seen) as runner:
        camera_options.tell_correction(runner)
        yield runner_predictor(runner)


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


def _csv(names: Sequence[str], rows: Rows) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", *METRICS])
    for name, row in zip(names, rows, strict=True):
        table.writerow([name, *(f"{row[metric]:.6g}" for metric in METRICS)])
    return text.getvalue()


def _picture_name(name: str) -> str:
    """Make a frame's name, which may contain folders and be long, part of a file name."""
    flat = "_".join(part for part in Path(name).parts if part not in ("/", "..")).replace("\0", "_")
    content = flat.encode(errors="surrogateescape")
    if len(content) <= MAX_NAME_BYTES:
        return flat
    kept = content[: MAX_NAME_BYTES - 9].decode(errors="ignore")
    return f"{kept}-{hashlib.sha256(content).hexdigest()[:8]}"


def _draw(
    options: argparse.Namespace, predict: Predictor, samples: Sequence[Sample], rows: Rows
) -> None:
    from tfl_depth.pictures import comparison_picture, error_limit_m
    from tfl_depth.png import as_png

    order = np.argsort([row["abs_rel"] for row in rows])
    chosen = {"best": order[: options.pictures], "worst": order[::-1][: options.pictures]}
    shown = {int(place): samples[int(place)] for place in np.concatenate([*chosen.values()])}
    depth_m = {place: predict(sample.rgb) for place, sample in shown.items()}
    # One scale for all, so that the best and the worst can be compared.
    limit_m = error_limit_m([*shown.values()], [*depth_m.values()]) if shown else 1.0
    for kind, places in chosen.items():
        for rank, place in enumerate(places, start=1):
            sample = shown[int(place)]
            picture = comparison_picture(sample, depth_m[int(place)], error_limit_m=limit_m)
            write_whole(
                options.output / f"{kind}{rank}-{_picture_name(sample.name)}.png", as_png(picture)
            )


def _draw_reliability(options: argparse.Namespace, models: dict[Path, BinnedMetrics]) -> None:
    from tfl_depth.evaluation.reliability import reliability_chart

    title = f"{options.dataset} {options.split}, nothing aligned"
    apart = len({path.name for path in models}) == len(models)
    bins = {path.name if apart else str(path): each.bins() for path, each in models.items()}
    chart = reliability_chart(bins, title)
    write_whole(options.output / "reliability.png", chart)


def _table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['model']}: {result['dataset']} {result['split']}, {result['images']} images, "
        "nothing aligned"
    ]
    if result["marked_pixels"]:
        lines.append(
            f"{result['marked_pixels']:,} pixels have a mark of no reading (65535, or no number of "
            "meters), and are not counted"
        )
    against = result.get("against")
    if against:
        lines.append(f"change from {against['model']}, with 95 % interval over images")
    for metric, value in result["metrics"].items():
        line = f"{metric:<9} {value:8.4f}"
        if against:
            change = against["change"][metric]
            line += f"  from {against['metrics'][metric]:8.4f}  {change['relative']:+8.2%}"
            line += f"  [{change['low']:+.2%}, {change['high']:+.2%}]"
        lines.append(line)
    if result["edges"] is not None:
        lines.append(_edge_line(result["edges"]))
    lines.append("true distance   pixels  abs_rel    rmse  delta1")
    for each in result["distance_bins"]:
        of = each["metrics"]
        lines.append(
            f"{each['near_m']:4g} - {each['far_m']:<4g} m {each['pixels']:9,}  "
            f"{of['abs_rel']:7.4f} {of['rmse']:5.2f} m {of['delta1']:7.4f}"
        )
    if "zooms" in result:
        lines += _zoom_lines(result["zooms"])
    return "\n".join(lines)


def _edge_line(edges: dict[str, Any]) -> str:
    accuracy = edges["accuracy_px"]
    predicted = "no edge is predicted" if accuracy is None else f"accuracy {accuracy:.2f} px"
    return (
        f"edges of depth: {predicted}, completeness {edges['completeness_px']:.2f} px "
        f"(0 is best, {FARTHEST_PX:g} worst)"
    )


def _zoom_lines(found: dict[str, Any]) -> list[str]:
    """The table of zooms, and what follows from it."""
    lines = ["zoom  abs_rel as it is  abs_rel with depth x zoom  response (1 follows, 0 does not)"]
    for row in found["rows"]:
        response = "-" if row["response"] is None else f"{row['response']:.2f}"
        lines.append(
            f"{row['zoom']:4g}  {row['abs_rel']:15.4f}  {row['corrected_abs_rel']:25.4f}  "
            f"{response}"
        )
    follows = "follows" if found["obeys"] else "does not follow"
    return [*lines, f"Depth {follows} the focal length (docs/cameras.md)."]
