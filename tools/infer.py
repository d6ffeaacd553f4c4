"""tools/infer: photos to millimetre depth maps, and pictures of them."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ImageError
from tfl_depth.files import write_whole
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.colour import colourise, depth_limits
from tfl_depth.tools import command

EXAMPLE = "tools/infer model.tflite photo.jpg --output depth/"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command.run(lambda: _infer(options))


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "infer",
        "Compute depth of photos. For each NAME.* the output folder gets NAME_depth.png (16 bit,\n"
        "millimetres, 0 = no depth; NAME_depth.npy where the model's range passes 65.535 m) and\n"
        "NAME_colour.png, a picture of it with a legend in metres.",
        EXAMPLE,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .tflite of tools/convert")
    parser.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="image files")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="made if absent")
    return parser


def _infer(options: argparse.Namespace) -> None:
    _refuse_same_names(options.inputs)
    with DepthRunner(options.model) as runner:
        options.output.mkdir(parents=True, exist_ok=True)
        for photo in command.progress(options.inputs, len(options.inputs), "infer"):
            depth_mm = runner.infer(photo)
            write_depth(depth_mm, options.output / photo.stem)
            print(f"{photo}: {describe(depth_mm)}")


def _refuse_same_names(inputs: Sequence[Path]) -> None:
    stems = [path.stem for path in inputs]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ImageError(
            f"Several inputs are called {twice[0]}, and would write the same file: give them apart."
        )


def write_depth(depth_mm: DepthMm, stem: Path) -> None:
    """Write STEM_depth.png (or .npy) and STEM_colour.png."""
    if depth_mm.dtype == np.uint16:
        write_png(stem.with_name(f"{stem.name}_depth.png"), depth_mm)
    else:
        write_npy(stem.with_name(f"{stem.name}_depth.npy"), depth_mm)
    colour = colourise(depth_mm, *depth_limits(depth_mm))
    write_png(stem.with_name(f"{stem.name}_colour.png"), colour)


def write_png(path: Path, pixels: npt.NDArray[np.integer[Any]]) -> None:
    """Write pixels (BGR, or one channel of 8 or 16 bits) as PNG."""
    _ok, encoded = cv2.imencode(".png", pixels)
    write_whole(path, encoded.tobytes())


def write_npy(path: Path, depth_mm: DepthMm) -> None:
    """Write an array in numpy's format."""
    buffer = io.BytesIO()
    np.save(buffer, depth_mm)
    write_whole(path, buffer.getvalue())


def describe(depth_mm: DepthMm) -> str:
    """One line about a depth map."""
    height, width = depth_mm.shape
    present = depth_mm[depth_mm > 0]
    if present.size == 0:
        return f"{width}x{height}, no depth"
    low, middle, high = (value / 1000 for value in np.percentile(present, [0, 50, 100]))
    return (
        f"{width}x{height}, {low:.2f} to {high:.2f} m, median {middle:.2f} m, "
        f"{1 - present.size / depth_mm.size:.1%} without depth"
    )
