"""The options of the camera, and of how its pictures are fitted to the network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from absl import logging

from tfl_depth.camera import Camera, FieldOfView
from tfl_depth.camera_files import read_camera
from tfl_depth.errors import CameraError
from tfl_depth.format.contract import FITS
from tfl_depth.format.contract_parts import Fit
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.options import UpsampleName
from tfl_depth.tools.lib import option_values

if TYPE_CHECKING:
    from tfl_depth.boards.frame_stream import FrameStream

AnyCamera = Camera | FieldOfView
EXAMPLE = "525,525,319.5,239.5@640x480"


def add_camera(parser: argparse.ArgumentParser, use: str, *, undistort: bool = True) -> None:
    """Add --camera, --fov, --correct-focal, --fit, --upsample and optionally --undistort.

    Args:
        parser: of the command.
        use: the use of the camera in the help, besides the correction of depth.
        undistort: whether to add --undistort.
    """
    add_camera_only(parser, use)
    parser.add_argument(
        "--correct-focal",
        action=argparse.BooleanOptionalAction,
        help="multiply depth by the ratio of the camera's focal length to that which the network "
        "was trained for (where the model's contract shows that the network obeys it)",
    )
    if undistort:
        parser.add_argument(
            "--undistort",
            action="store_true",
            help="first remove the distortion of the camera's lens from the pictures",
        )
    add_fit(parser, None)
    parser.add_argument(
        "--upsample",
        choices=get_args(UpsampleName),
        default="bilinear",
        help="how depth is enlarged to the pictures' size: bilinearly, or by the pictures' edges "
        "(bilinear)",
    )


def add_camera_only(parser: argparse.ArgumentParser, use: str) -> None:
    """Add --camera and --fov for `camera`. The help names their `use`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--camera",
        type=_camera,
        metavar="FILE|FX,FY[,CX,CY]@WxH",
        help=f"the camera, {use}: a calibration of OpenCV, ROS, Kalibr (FILE#cam0) or `tfl-depth "
        "calibrate`; or its focal lengths and center in pixels of pictures of WxH",
    )
    group.add_argument(
        "--fov", type=degrees, metavar="DEGREES", help="its horizontal field of view instead"
    )


def add_fit(parser: argparse.ArgumentParser, default: Fit | None) -> None:
    """Add --fit. Without a default it is the model's."""
    shown = "as in the model's contract" if default is None else default
    parser.add_argument(
        "--fit",
        choices=FITS,
        default=default,
        help="how pictures of another aspect are fitted to the network: stretched, cropped to "
        f"their middle, or padded with a border ({shown})",
    )


def camera(options: argparse.Namespace) -> AnyCamera | None:
    """The camera of the options, or None.

    Raises:
        CameraError: its file cannot be read.
    """
    if options.fov is not None:
        return FieldOfView(options.fov)
    if isinstance(options.camera, str):
        file, _, name = options.camera.partition("#")
        return read_camera(Path(file), name or None)
    given: Camera | None = options.camera
    return given


def camera_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `DepthRunner`."""
    return {
        "camera": camera(options),
        "correct_focal": options.correct_focal,
        "undistort": getattr(options, "undistort", False),
        "fit": options.fit,
        "upsample": options.upsample,
    }


def tell_correction(runner: DepthRunner | FrameStream) -> None:
    """Print a note if depth is not corrected although there is a camera."""
    if runner.correction_note is not None:
        said = runner.correction_note.replace("correct_focal", "--correct-focal")
        logging.info("note: %s", said)


def _camera(text: str) -> Camera | str:
    """Read a camera's numbers, or the name of its file."""
    numbers, at, size = text.rpartition("@")
    if not at or Path(text.partition("#")[0]).exists():
        if "," in text and not Path(text.partition("#")[0]).exists():
            raise argparse.ArgumentTypeError(f"expected numbers like {EXAMPLE}, got {text!r}")
        return text
    values, (width, height) = option_values.numbers(numbers), _width_and_height(size)
    if len(values) not in (2, 4):
        raise argparse.ArgumentTypeError(f"expected 2 or 4 numbers like {EXAMPLE}, got {text!r}")
    try:
        return Camera.of(*values, width=width, height=height)
    except CameraError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def intrinsics_and_size(text: str) -> tuple[Intrinsics, tuple[int, int] | None]:
    """Read "FX,FY,CX,CY[@WxH]": the intrinsics, and (height, width) of the pictures or None."""
    before, at, behind = text.partition("@")
    numbers = option_values.numbers(before)
    if len(numbers) != 4 or not np.isfinite(numbers).all() or min(numbers[:2]) <= 0:
        raise argparse.ArgumentTypeError(f"expected fx,fy,cx,cy like {EXAMPLE}, got {text!r}")
    size = _width_and_height(behind)[::-1] if at else None
    return Intrinsics(*numbers), size


def _width_and_height(text: str) -> tuple[int, int]:
    try:
        width, height = option_values.size(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"expected the pictures' WIDTHxHEIGHT behind @, like {EXAMPLE}, got {text!r}"
        ) from error
    return width, height


def degrees(text: str) -> float:
    """Read a field of view."""
    numbers = option_values.numbers(text)
    if len(numbers) != 1 or not 0 < numbers[0] < 180:
        raise argparse.ArgumentTypeError(f"expected degrees between 0 and 180, got {text!r}")
    return numbers[0]
