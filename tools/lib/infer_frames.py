"""The options --to and --serve of `tfl-depth infer`: frames for other programs instead of files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ImageError
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.inputs import Input, is_video
from tfl_depth.runtime.live_view import what_on_full
from tfl_depth.runtime.stream import Stream
from tfl_depth.runtime.video import Video
from tfl_depth.tools.lib.infer_inputs import WRITTEN, report_frames
from tfl_depth.tools.lib.input_report import InputReport
from tfl_depth.tools.lib.outputs import describe


class FrameSink(Protocol):
    """A receiver of frames: see `FramePipe` and `FrameServer`."""

    def write(self, depth_mm: DepthMm) -> None:
        """Receive (H, W) uint16 millimeters."""


def infer_frames(
    runner: DepthRunner,
    inputs: Sequence[Input],
    sink: FrameSink,
    options: argparse.Namespace,
    report: InputReport,
) -> None:
    """Send the depth of every input to a sink, until the inputs end or the reader stops.

    Raises:
        ImageError: the model's depth needs more than 16 bits, or an input cannot be read.
    """
    if runner.depth_dtype != np.uint16:
        raise ImageError(
            "Expected a model of at most 65.535 m for frames of 16 bits, got one of "
            f"{runner.contract.edges_m[-1]:g} m: write files with --output."
        )
    try:
        for each in inputs:
            if isinstance(each, Path) and not is_video(each):
                depth_mm = runner.infer(each)
                sink.write(depth_mm)
                report.say(f"{each}: {describe(depth_mm)}")
            else:
                _video(runner, each, sink, options, report)
    except BrokenPipeError:
        report.say("The reader has closed the pipe.")


def _video(
    runner: DepthRunner,
    source: Input,
    sink: FrameSink,
    options: argparse.Namespace,
    report: InputReport,
) -> None:
    realtime = options.realtime or options.serve is not None
    with (
        Video(source) as video,
        runner.stream(
            video,
            on_full=what_on_full(video, realtime=realtime),
            every=options.every,
            realtime=realtime,
        ) as frames,
    ):
        try:
            _write_all(frames, options.frames, sink)
        except KeyboardInterrupt:
            if not video.is_camera:  # a camera ends only so
                raise
        finally:
            if frames.delivered:
                report_frames(video.name, frames, report, WRITTEN, [])


def _write_all(frames: Stream, most: int | None, sink: FrameSink) -> None:
    for frame in islice(frames, most):
        sink.write(frame.depth_mm)
