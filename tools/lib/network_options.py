"""The options of commands that take a network of any framework: its pixels and its output."""

from __future__ import annotations

import argparse
from typing import Any

from tfl_depth.errors import ConversionError
from tfl_depth.tools.lib import camera_options, option_values

NETWORK_HELP = "a .keras, .h5, .onnx, .pt2 or float .tflite file, or a SavedModel folder"
INPUT_OPTIONS = ("mean", "std", "input_range", "channels")
OUTPUT_OPTIONS = ("output_name", "unit", "disparity", "reciprocal", "inverse")


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add --size and all options of a network's input and output."""
    parser.add_argument("--size", type=option_values.size, metavar="HxW", help="input size")
    _add_input(parser)
    _add_output(parser)


def _add_input(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("preprocessing of pixels outside the network")
    group.add_argument(
        "--mean",
        type=option_values.numbers,
        metavar="R,G,B",
        help="subtracted from pixels of 0 to 1, as in torchvision: 0.485,0.456,0.406",
    )
    group.add_argument(
        "--std",
        type=option_values.numbers,
        metavar="R,G,B",
        help="the difference is divided by it: 0.229,0.224,0.225",
    )
    group.add_argument(
        "--input-range",
        type=option_values.numbers,
        metavar="LOW,HIGH",
        help="the network's values for pixels 0 and 255: 0,1 or -1,1",
    )
    group.add_argument(
        "--channels", choices=("rgb", "bgr"), default="rgb", help="order of the colors (rgb)"
    )


def add_camera_of_training(parser: argparse.ArgumentParser) -> None:
    """Add --intrinsics and --fov."""
    titled = parser.add_argument_group("the camera that the network was trained for")
    group = titled.add_mutually_exclusive_group()
    group.add_argument(
        "--intrinsics",
        type=camera_options.intrinsics_and_size,
        metavar="FX,FY,CX,CY[@WxH]",
        help="in pixels of the network's input, or of training pictures of WxH (unknown; of a "
        "network of `tfl-depth train`, as in its metrics.json)",
    )
    group.add_argument(
        "--fov",
        type=camera_options.degrees,
        metavar="DEGREES",
        help="the horizontal field of view of the network's input instead",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("meaning of the network's output")
    group.add_argument(
        "--output-name",
        metavar="NAME",
        help="name of the depth output (the one of the highest resolution)",
    )
    group.add_argument("--unit", choices=("m", "cm", "mm"), help="unit of depth (m)")
    group.add_argument(
        "--disparity",
        type=option_values.numbers,
        metavar="MIN,MAX",
        help="the output is scaled disparity, 0 to 1, of depths MIN to MAX, as in monodepth2",
    )
    group.add_argument("--reciprocal", type=float, metavar="SCALE", help="depth is SCALE / output")
    group.add_argument("--inverse", action="store_true", help="depth is 1 / output")


def network_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options as keyword arguments of `convert`.

    Raises:
        ConversionError: an option has the wrong number of values.
    """
    for name, count in (("mean", 3), ("std", 3), ("input_range", 2), ("disparity", 2)):
        given = getattr(options, name)
        if given is not None and len(given) != count:
            raise ConversionError(
                f"Expected {count} numbers for --{name.replace('_', '-')}, got {len(given)}."
            )
    return {name: getattr(options, name) for name in ("size", *INPUT_OPTIONS, *OUTPUT_OPTIONS)}
