"""Photos, a video or a camera beside their depth, in a window."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tfl_depth.runtime.clip_colors import ClipColors
from tfl_depth.runtime.colorize import side_by_side
from tfl_depth.runtime.inputs import open_frames
from tfl_depth.runtime.preprocess import Channels, Pixels
from tfl_depth.runtime.stream import OnFull, Source
from tfl_depth.runtime.video import Video
from tfl_depth.runtime.window import Window

if TYPE_CHECKING:
    from tfl_depth.runtime.runner import DepthRunner

TITLE = "tfl-depth: Q closes"
# `Window.show` waits so long for a key: after a photo for any.
FRAME_MS, PHOTO_MS = 1, 0


def show_depth(
    runner: DepthRunner, source: Source, colors: ClipColors, most: int | None, **options: Any
) -> bool:
    """Show the frames of a source; see `DepthRunner.show`.

    Args:
        runner: computes depth.
        source: as for `DepthRunner.stream`.
        colors: of the depth.
        most: number of frames; None for all.
        options: `every` and `realtime` of `DepthRunner.stream`.

    Returns:
        Whether the window was open at the end.
    """
    with Window(TITLE) as window, _opened(source) as frames:
        wait_ms = FRAME_MS if isinstance(frames, Video) else PHOTO_MS
        on_full = what_on_full(frames, realtime=options["realtime"])
        with runner.stream(frames, on_full=on_full, **options) as stream:
            for frame in islice(stream, most):
                photo = _bgr(frame.pixels, frame.channels)
                if not window.show(side_by_side(photo, colors(frame.depth_mm)), wait_ms):
                    return False
    return True


def what_on_full(source: object, *, realtime: bool) -> OnFull:
    """Frames of a camera, and of a file that is played at its own pace, do not wait."""
    is_camera = isinstance(source, Video) and source.is_camera
    return "drop_oldest" if is_camera or realtime else "block"


def _opened(source: Source) -> AbstractContextManager[Source]:
    if not isinstance(source, (int, str, os.PathLike)):
        return nullcontext(source)
    frames = open_frames(source)
    return frames if isinstance(frames, Video) else nullcontext(frames)


def _bgr(pixels: Pixels, channels: Channels) -> Pixels:
    if pixels.ndim == 2:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    return pixels if channels == "bgr" else pixels[..., ::-1]
