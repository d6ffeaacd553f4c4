"""What a video's file says of itself, and whether OpenCV's frames of it can be believed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth import child
from tfl_depth.errors import ImageError
from tfl_depth.plain_path import plain_path
from tfl_depth.runtime.delegates.sandbox import run_sandboxed

# More is no rate but the unit of a file's time stamps, as in a WebM without a default duration.
MOST_FRAMES_PER_SECOND = 240.0
# Time stamps that the rate is told from then.
_STAMPS = 10
# A video has ended early that lacks more than both of these.
_MISSING_S, _MISSING_SHARE = 1.0, 0.05
_DECODE = """
import cv2
capture = cv2.VideoCapture(sys.argv[1])
for _ in range(int(sys.argv[2])):
    capture.grab()
capture.retrieve()
"""
_DECODE_LIMIT_S = 60.0
# FFmpeg's errors and no warnings; what that of the conversion to BGR says.
_ERRORS_ONLY = {"OPENCV_FFMPEG_LOGLEVEL": "16"}
_NOT_CONVERTED = "Cannot convert"


def open_file(path: Path) -> cv2.VideoCapture:
    """Open a video file.

    Raises:
        ImageError: there is none, or OpenCV cannot read it.
    """
    try:
        there = path.is_file()
    except ValueError:  # a zero byte in the name
        there = False
    if not there:
        raise ImageError(f"There is no video file {path}.")
    with plain_path(path) as name:
        capture = cv2.VideoCapture(name)
    if not capture.isOpened():
        capture.release()
        raise ImageError(f"Cannot open {path}: damaged, or no format that OpenCV knows.")
    return capture


def has_index(path: Path) -> bool:
    """Whether the file lists its frames (MP4, MOV, AVI), so that their count is no estimate."""
    with path.open("rb") as file:
        begin = file.read(12)
    return begin[4:8] == b"ftyp" or begin[:4] == b"RIFF"


def rate_by_time_stamps(path: Path) -> float | None:
    """Frames per second by the time stamps of the first frames, None where there are none."""
    capture = open_file(path)
    stamps_s: list[float] = []
    while len(stamps_s) < _STAMPS and capture.grab():
        stamps_s.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    capture.release()
    gaps_s = [later - earlier for earlier, later in pairwise(stamps_s)]
    period_s = median(gaps_s) if gaps_s else 0.0
    return 1 / period_s if period_s > 0 else None


def what_lacks(
    *, index: bool, frames: int, count: int | None, rate: float | None, last_s: float
) -> str | None:
    """What a file promises beyond its last frame, in words, or None.

    Args:
        index: `has_index`.
        frames: how many could be read.
        count: how many the file says that it has.
        rate: its frames per second.
        last_s: time stamp of the last frame, from the first one on.
    """
    if count is None or rate is None:
        return None
    if index:
        if count - frames > max(_MISSING_S * rate, _MISSING_SHARE * count):
            return f"{frames} of the {count} frames that its index names can be read"
        return None
    # Here the count is an estimate: the duration times a rate.
    duration_s, end_s = count / rate, last_s + 1 / rate
    if last_s > 0 and duration_s - end_s > max(_MISSING_S, _MISSING_SHARE * duration_s):
        return f"{end_s:.1f} of the {duration_s:.1f} s that its header names can be read"
    return None


def first_repeats(path: Path) -> bool:
    """Whether the second frame is the first one again."""
    capture = open_file(path)
    (_, first), (there, second) = capture.read(), capture.read()
    capture.release()
    return there and is_repeated(np.asarray(second, np.uint8), np.asarray(first, np.uint8))


def expect_decoded(path: Path, number: int) -> None:
    """Ask, in a process of its own, whether a frame is a picture, and not only said to be one.

    From FFmpeg 8 on, which OpenCV 4.13 brings, an interlaced frame is not converted to BGR. OpenCV
    then gives the memory of the frame before, or black, and says "success"; only FFmpeg's text on
    standard error tells.

    Args:
        path: of the video.
        number: of a frame that is equal to the one before.

    Raises:
        ImageError: it is no picture.
    """
    with plain_path(path) as name:
        command = child.run_code(_DECODE, name, str(number + 1), flags=("-W", "ignore"))
        ended = run_sandboxed(command, child.environment(**_ERRORS_ONLY), timeout_s=_DECODE_LIMIT_S)
    if _NOT_CONVERTED in ended.output + ended.errors:
        raise ImageError(
            f"This OpenCV ({cv2.__version__}) cannot decode {path}, an interlaced video, and gives "
            "black or old frames in its place: make it progressive (ffmpeg -i IN -vf yadif OUT), "
            "or install opencv-python-headless<4.13."
        )


def is_repeated(frame: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8]) -> bool:
    """Whether two frames are the same, byte for byte."""
    return (
        frame.shape == before.shape
        and np.array_equal(frame[::16], before[::16])
        and np.array_equal(frame, before)
    )
