"""`tfl-depth calibrate`: depth of your own camera, from a few measured distances."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tfl_depth.camera import Camera, DepthCalibration, FieldOfView
from tfl_depth.camera_files import write_camera
from tfl_depth.errors import CameraError
from tfl_depth.evaluation.depth_fit import fit_depth
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.preprocess import read_image
from tfl_depth.tools.lib import camera_options, command_result, command_run, model_options
from tfl_depth.tools.lib.calibration_text import calibration_text
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.tools.lib.measurements import (
    measured_boards,
    measured_by_hand,
    measured_pairs,
    tape_point,
)
from tfl_depth.tools.lib.output_checks import expect_file_output
from tfl_depth.tools.lib.output_names import expand

EXAMPLE = (
    "tfl-depth calibrate model.tflite --point desk.jpg:320,240=1.48 --point hall.jpg:400,250=3.9 "
    "--point hall.jpg:80,300=2.35 --fov 70 --output camera.yaml"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command_run.run(lambda: _calibrate(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth calibrate",
        "Fit a scale, or a scale and an offset, from a model's depth to distances that you\n"
        "measured, and write them into a camera's file, which --camera of infer, view and\n"
        "evaluate and `camera` of DepthRunner take. What does not help on measurements that were\n"
        "left out of the fit is refused. The file holds for this model and this camera.",
        EXAMPLE,
    )
    model_options.add_model(parser)
    parser.add_argument(
        "--point",
        action="append",
        default=[],
        type=tape_point,
        metavar="PHOTO:X,Y=METERS",
        help="a pixel and its distance: with --camera or --fov the straight line from the camera, "
        "as a tape measures it, without them the depth along the optical axis; give 3 or more",
    )
    parser.add_argument(
        "--checkerboard",
        type=_board,
        metavar="COLSxROWS:MM",
        help="inner corners along a row and a column, and the side of a square: 9x6:25; needs "
        "--camera or --fov, and --photos",
    )
    parser.add_argument(
        "--photos", nargs="+", default=[], metavar="PHOTO", help="of the checkerboard, 3 or more"
    )
    parser.add_argument(
        "--rgbd", type=Path, metavar="DIR", help="pairs: rgb/NAME.jpg with depth/NAME.png in mm"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="camera.yaml")
    camera_options.add_camera_only(parser, "that took the photos")
    camera_options.add_fit(parser, None)
    model_options.add_public_key(parser)
    command_result.add_json(parser)
    return parser


def _board(text: str) -> tuple[tuple[int, int], float]:
    match = re.fullmatch(r"(\d+)x(\d+):(\d+\.?\d*)", text)
    if match is None or min(int(match[1]), int(match[2])) < 3 or float(match[3]) == 0:
        raise argparse.ArgumentTypeError(
            f"expected COLSxROWS:MM of 3x3 inner corners or more, like 9x6:25, got {text!r}"
        )
    return (int(match[1]), int(match[2])), float(match[3]) / 1000


def _calibrate(options: argparse.Namespace) -> None:
    given = [bool(options.point), options.checkerboard is not None, options.rgbd is not None]
    if sum(given) != 1:
        raise CameraError("Expected one of --point, --checkerboard and --rgbd.")
    expect_file_output(options.output)
    with DepthRunner(options.model, public_key=options.public_key, fit=options.fit) as runner:
        camera = _camera(options)
        measured = list(_measured(options, runner, camera))
        fit = fit_depth(measured)
        depth = DepthCalibration(
            scale=fit.correction.scale,
            offset_m=fit.correction.offset_m,
            model=runner.contract.fingerprint,
            fit=runner.fit,
        )
    write_camera(options.output, replace(camera, depth=depth))
    result = {"camera": str(options.output), **asdict(fit)}
    text = f"{calibration_text(measured, fit)}\n{options.output}: give it as --camera"
    command_result.tell(options, result, text)


def _camera(options: argparse.Namespace) -> Camera:
    """The camera of the options, in the photos' size; one without intrinsics if there is none.

    Raises:
        CameraError: the photos differ in size from one another or from the camera.
    """
    known = camera_options.camera(options)
    sizes = {read_image(photo).shape[:2] for photo in _photos(options)}
    if len(sizes) != 1:
        raise CameraError(f"Expected photos of one size, of one camera, got {sorted(sizes)}.")
    ((height, width),) = sizes
    if known is None:
        return Camera(width, height)
    if isinstance(known, FieldOfView):
        return Camera(width, height, known.at((height, width)))
    known.expect_aspect((height, width))
    return replace(known, depth=None)


def _photos(options: argparse.Namespace) -> list[Path]:
    if options.rgbd is not None:
        from tfl_depth.data.datasets import photos

        return photos("pairs", options.rgbd, "all")
    if options.point:
        return list(dict.fromkeys(point.photo for point in options.point))
    found = [each for each in expand(options.photos) if isinstance(each, Path)]
    if not found:
        raise CameraError("Expected photos of the checkerboard: give --photos.")
    return found


def _measured(options: argparse.Namespace, runner: DepthRunner, camera: Camera) -> Any:
    if options.rgbd is not None:
        return measured_pairs(runner, options.rgbd)
    if options.point:
        return measured_by_hand(runner, options.point, camera)
    if camera.intrinsics is None:
        raise CameraError("A checkerboard needs the camera: give --camera or --fov.")
    return measured_boards(runner, _photos(options), camera, *options.checkerboard)
