"""`tfl-depth infer`: photos, videos and cameras to millimeter depth maps, and pictures of them."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tfl_depth
from tfl_depth.errors import DepthError, ImageError
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.clip_colors import ClipColors, ColorRange, limits_mm
from tfl_depth.runtime.colorize import COLORMAPS
from tfl_depth.runtime.inputs import Input, expand_input, is_video
from tfl_depth.runtime.window import expect_windows
from tfl_depth.tools.lib import (
    command_result,
    command_run,
    model_options,
    option_values,
    runner_options,
)
from tfl_depth.tools.lib.board_options import (
    add_board_options,
    board_arguments,
    expect_board,
    run_on_board,
)
from tfl_depth.tools.lib.camera_options import add_camera, camera_settings, tell_correction
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.tools.lib.finished import RECORD, Finished
from tfl_depth.tools.lib.frame_pipe import FORMATS, FramePipe
from tfl_depth.tools.lib.infer_frames import infer_frames
from tfl_depth.tools.lib.infer_inputs import infer_photos, infer_video
from tfl_depth.tools.lib.input_report import InputReport
from tfl_depth.tools.lib.newest_frame import FrameServer
from tfl_depth.tools.lib.output_checks import expect_folder_output
from tfl_depth.tools.lib.output_names import expand
from tfl_depth.tools.lib.outputs import SUFFIXES, OutputKind
from tfl_depth.tools.lib.workers import add_workers, are_many, for_workers

DEFAULT_OUTPUT = "depth"
EXAMPLE = "tfl-depth infer model.tflite photos/ video.mp4 --output depth/"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.to is not None or options.serve is not None or options.show:
        _refuse_what_writes_files(parser, options)
        return command_run.run(lambda: _show(options) if options.show else _give_frames(options))
    if options.output is None:
        options.output = Path(DEFAULT_OUTPUT)
    if options.board is not None:
        return command_run.run(lambda: _infer_there(options, board_arguments(parser, argv)))
    return command_run.run(lambda: _infer(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth infer",
        "Compute depth of photos, videos and cameras. For each NAME.* the output folder gets\n"
        "the files in --save:\n"
        "  depth   NAME_depth.png, 16 bit, millimeters, 0 = no depth (NAME_depth.npy where the\n"
        "          model's range passes 65.535 m)\n"
        "  color   NAME_color.png, a picture with a legend in meters\n"
        "  npy     NAME_depth.npy, millimeters\n"
        "  ply     NAME_points.ply, a point cloud in meters: x right, y down, z forward\n"
        "  video   NAME_depth.mp4, a video or a camera side by side with its depth\n"
        "The other kinds of a video's frames are NAME_000000_*. Results of the same photo, model\n"
        "and options are skipped, so that an interrupted run can be continued; the folder's\n"
        f"{RECORD} lists them.",
        EXAMPLE,
    )
    model_options.add_model_and_inputs(parser, nargs="+")
    _add_outputs(parser)
    _add_runner(parser)
    _add_pictures(parser)
    _add_frames(parser)
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="name a photo that cannot be used or a video that ends early, and continue; the exit "
        "status is 1 if a photo was skipped",
    )
    add_workers(parser, "photos")
    parser.add_argument(
        "--overwrite", action="store_true", help="compute again, and replace existing results"
    )
    command_result.add_json(parser)
    add_board_options(parser)
    return parser


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add the options for what is written or shown."""
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help=f"for the files; created if missing ({DEFAULT_OUTPUT})",
    )
    parser.add_argument(
        "--to",
        choices=("-",),
        metavar="-",
        help="write frames of 16 bits, millimeters, to standard output instead, for a pipe",
    )
    parser.add_argument(
        "--serve",
        type=_address,
        metavar="ADDRESS",
        help="offer the newest frame instead: a PORT of 127.0.0.1 (0: a free one) for a page with "
        "live colors, or unix:PATH for a local socket with 16-bit frames",
    )
    parser.add_argument(
        "--show",
        action="store_true",
        help="show each input beside its depth in a window instead, where OpenCV has windows; Q "
        "closes it",
    )
    parser.add_argument(
        "--frame-format",
        choices=FORMATS,
        default="raw",
        help="of these frames: uint16 rows, little-endian (raw, default), or PNG files (png)",
    )
    parser.add_argument(
        "--save",
        type=_kinds,
        metavar="KINDS",
        help="files to write (photos: depth,color; videos and cameras: video)",
    )


def _add_runner(parser: argparse.ArgumentParser) -> None:
    """Add the options for what runs the network."""
    runner_options.add_delegate(parser)
    model_options.add_public_key(parser)
    runner_options.add_faults(parser)
    runner_options.add_threads(parser)
    parser.add_argument(
        "--xnnpack",
        action=argparse.BooleanOptionalAction,
        help="run what no delegate takes by XNNPACK, or by TensorFlow Lite's own kernels (by "
        "XNNPACK without a delegate)",
    )
    parser.add_argument(
        "--prove", choices=("first",), help="compare the golden vectors' depth at the start (no)"
    )


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    """Add the options for point clouds and colors."""
    add_camera(parser, "for ply")
    parser.add_argument(
        "--voxel",
        type=option_values.meters,
        metavar="METERS",
        help="side of the cubes of a point cloud, each of which has one point (a point a pixel)",
    )
    parser.add_argument(
        "--range",
        type=_range,
        metavar="NEAR,FAR|auto",
        help="meters of the first and the last color; auto: 2 to 98 %% of the depth, of a video or "
        "camera those of the first frame (auto for photos; the model's for videos and cameras)",
    )
    parser.add_argument(
        "--colormap", choices=COLORMAPS, default=COLORMAPS[0], help="the colors (cividis)"
    )


def _add_frames(parser: argparse.ArgumentParser) -> None:
    """Add the options for the frames of videos and cameras."""
    parser.add_argument(
        "--frames", type=option_values.count, metavar="N", help="stop a video or camera after N"
    )
    parser.add_argument(
        "--every",
        type=option_values.count,
        default=1,
        metavar="N",
        help="take every Nth frame of a video or camera (1)",
    )
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="play videos at their own pace, and drop frames that come too fast, as of a camera",
    )


def _kinds(text: str) -> tuple[OutputKind, ...]:
    kinds = text.split(",")
    unknown = [kind for kind in kinds if kind not in SUFFIXES]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected of {','.join(SUFFIXES)}, got {unknown[0]!r}")
    return tuple(kind for kind in SUFFIXES if kind in kinds)


def _range(text: str) -> ColorRange:
    if text == "auto":
        return "auto"
    try:
        near_m, far_m = option_values.numbers(text)
        limits_mm((near_m, far_m))
    except (ValueError, DepthError) as error:
        raise argparse.ArgumentTypeError(
            f"expected meters like 0.5,10, or auto, got {text!r}"
        ) from error
    return near_m, far_m


def _infer_there(options: argparse.Namespace, arguments: list[str | Path]) -> None:
    """Compute on a board: photos and videos of this machine, and cameras of the board."""
    inputs = expand(options.inputs)
    _refuse_what_does_not_fit(options, inputs)
    given = [f"camera:{each}" if isinstance(each, int) else each for each in inputs]
    run_on_board("infer", options, [options.model, *given, *arguments], output=options.output)


def _infer(options: argparse.Namespace) -> None:
    expect_board(options)
    inputs = expand(options.inputs)
    _refuse_what_does_not_fit(options, inputs)
    photos = [each for each in inputs if isinstance(each, Path) and not is_video(each)]
    if not options.skip_bad:
        _expect_inputs(inputs)
    expect_folder_output(options.output)
    report = InputReport(as_json=options.json)
    settings = _runner_settings(for_workers(options) if are_many(options) else options)
    with (
        DepthRunner(options.model, **settings) as runner,
        Finished(_folder(options.output), _made_by(options)) as finished,
    ):
        tell_correction(runner)
        failed = infer_photos(runner, photos, options, report, finished, settings) if photos else 0
        for each in inputs:
            if is_video(each):
                infer_video(runner, each, options, report, finished)
        placement = asdict(runner.delegate_coverage)
    if options.json:
        document = {"model": str(options.model), "placement": placement, "inputs": report.inputs}
        print(json.dumps(document, indent=2))
    if failed:
        raise ImageError(f"Skipped {failed} of {len(photos)} photos; see their errors above.")


def _give_frames(options: argparse.Namespace) -> None:
    inputs = [each for name in options.inputs for each in expand_input(name)]
    if options.serve is not None and not all(map(is_video, inputs)):
        raise ImageError(
            "Expected videos and cameras for --serve: a photo has one frame, for --to."
        )
    report = InputReport(as_json=False)
    with (
        DepthRunner(options.model, **_runner_settings(options)) as runner,
        _sink(options, runner) as sink,
    ):
        tell_correction(runner)
        infer_frames(runner, inputs, sink, options, report)


def _show(options: argparse.Namespace) -> None:
    expect_windows()
    with DepthRunner(options.model, **_runner_settings(options)) as runner:
        tell_correction(runner)
        for source in options.inputs:
            is_open = runner.show(
                source,
                range=options.range,
                colormap=options.colormap,
                frames=options.frames,
                every=options.every,
                realtime=options.realtime,
            )
            if not is_open:
                return


def _sink(options: argparse.Namespace, runner: DepthRunner) -> FramePipe | FrameServer:
    if options.serve is None:
        return FramePipe(options.frame_format)
    colors = ClipColors(options.range or runner.range_m, options.colormap)
    return FrameServer(options.serve, options.frame_format, colors)


def _address(text: str) -> str:
    is_port = text.isdecimal() and int(text) <= 65535
    if not is_port and not (text.startswith("unix:") and len(text) > len("unix:")):
        raise argparse.ArgumentTypeError(f"expected a port or unix:PATH, got {text!r}")
    return text


def _refuse_what_writes_files(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if sum((options.to is not None, options.serve is not None, options.show)) > 1:
        parser.error("expected one of --to, --serve and --show")
    for name in ("output", "save", "overwrite", "skip_bad", "json", "board", "report"):
        if getattr(options, name) not in (None, False):
            option = name.replace("_", "-")
            parser.error(f"--to, --serve and --show write no files: leave out --{option}")


def _expect_inputs(inputs: Sequence[Input]) -> None:
    """Refuse a missing file before the model is opened. A damaged file is found later."""
    for each in inputs:
        if isinstance(each, Path) and not os.path.lexists(each):
            raise ImageError(f"There is no file {each}.")


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _made_by(options: argparse.Namespace) -> dict[str, Any]:
    """Return everything that the files depend on, except the inputs."""
    named = (
        "save",
        "range",
        "colormap",
        "voxel",
        "frames",
        "every",
        "delegate",
        "delegate_options",
    )
    return {
        "camera": str(camera_settings(options)),
        "model": hashlib.sha256(options.model.read_bytes()).hexdigest(),
        "tfl-depth": tfl_depth.__version__,
        **{name: str(getattr(options, name)) for name in named},
    }


def _runner_settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        **runner_options.runner_settings(options),
        **runner_options.fault_settings(options),
        **camera_settings(options),
        "num_threads": options.num_threads,
        "xnnpack": options.xnnpack,
        "prove": options.prove,
    }


def _refuse_what_does_not_fit(options: argparse.Namespace, inputs: Sequence[Input]) -> None:
    kinds = options.save or ()
    if "ply" in kinds and options.fov is None and options.camera is None:
        raise ImageError("A point cloud needs the camera: set --camera or --fov.")
    if "video" in kinds and not all(map(is_video, inputs)):
        raise ImageError("Photos have no video output. Remove video from --save, or the photos.")
    folders = [Path(name).resolve() for name in options.inputs if Path(name).is_dir()]
    if options.output.resolve() in folders:
        raise ImageError(
            f"Expected --output to differ from the photos' folder, got {options.output}: the next "
            "run would use its pictures as photos."
        )
