"""The depth of one photo for `tfl-depth infer`, here or on another machine."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tfl_depth.errors import DepthError
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.clip_colors import ClipColors, ColorRange
from tfl_depth.runtime.colorize import colorize
from tfl_depth.runtime.preprocess import read_image
from tfl_depth.tools.lib.outputs import OutputKind, Outputs, describe, summary


@dataclass(frozen=True)
class PhotoResult:
    """The result of a photo.

    Attributes:
        photo: its file.
        found: `summary` of its depth; None after an error.
        line: `describe` of its depth.
        error: the error; None if there is depth.
    """

    photo: Path
    found: dict[str, Any] | None = None
    line: str = ""
    error: DepthError | None = None


def infer_photo(runner: DepthRunner, photo: Path, outputs: Outputs) -> PhotoResult:
    """Compute a photo's depth, and write its outputs.

    Raises:
        OutputError: the outputs cannot be written.
    """
    try:
        bgr = read_image(photo)
        depth_mm = runner.infer(bgr)
        # Only one output of a large photo is in memory at a time.
        shown = runner.undistorted(bgr) if "ply" in outputs.kinds else None
        del bgr
    except DepthError as error:
        return PhotoResult(photo, error=error)
    outputs.write(photo.stem, depth_mm, shown)
    return PhotoResult(photo, summary(depth_mm), describe(depth_mm))


def photo_outputs(runner: DepthRunner, options: argparse.Namespace) -> Outputs:
    """The outputs of photos. Without a range, each photo has its own range of colors."""
    range_m = None if options.range == "auto" else options.range
    return outputs_of(runner, options, ("depth", "color"), range_m)


def outputs_of(
    runner: DepthRunner,
    options: argparse.Namespace,
    kinds: tuple[OutputKind, ...],
    range_m: ColorRange | None,
) -> Outputs:
    """The outputs of the command's options.

    Args:
        runner: its camera is used for point clouds.
        options: of the command.
        kinds: the default of --save.
        range_m: of the colors; None for the range of each picture.
    """
    colors = (
        partial(colorize, colormap=options.colormap)
        if range_m is None
        else ClipColors(range_m, options.colormap)
    )
    return Outputs(options.save or kinds, options.output, runner.intrinsics, options.voxel, colors)
