"""The camera on a command line: its intrinsics or its field of view, for point clouds."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np

from tfl_depth.intrinsics import Intrinsics
from tfl_depth.tools.lib import cli_common


def add_camera(parser: argparse.ArgumentParser, use: str) -> None:
    """Add --intrinsics and --fov, which `camera` reads; `use` says what for."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--intrinsics",
        type=_intrinsics,
        metavar="FX,FY,CX,CY",
        help=f"the camera, in pixels of the image, {use}",
    )
    group.add_argument(
        "--fov", type=_degrees, metavar="DEGREES", help="its horizontal field of view instead"
    )


def camera(options: argparse.Namespace) -> Callable[[tuple[int, ...]], Intrinsics] | None:
    """Intrinsics from an image's (height, width), or None where neither option was given."""
    if options.intrinsics is not None:
        return lambda _size: options.intrinsics
    if options.fov is not None:
        return partial(Intrinsics.from_field_of_view, options.fov)
    return None


def _intrinsics(text: str) -> Intrinsics:
    numbers = cli_common.numbers(text)
    if len(numbers) != 4 or not np.isfinite(numbers).all() or min(numbers[:2]) <= 0:
        raise argparse.ArgumentTypeError(
            f"expected fx,fy,cx,cy in pixels, like 525,525,319.5,239.5, got {text!r}"
        )
    return Intrinsics(*numbers)


def _degrees(text: str) -> float:
    numbers = cli_common.numbers(text)
    if len(numbers) != 1 or not 0 < numbers[0] < 180:
        raise argparse.ArgumentTypeError(f"expected degrees between 0 and 180, got {text!r}")
    return numbers[0]
