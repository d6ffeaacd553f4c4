"""Checks of a video file's header, and of the frames that OpenCV decodes from it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth import child
from tfl_depth.errors import ImageError
from tfl_depth.plain_path import plain_path

# A larger number is the unit of the time stamps, as in a WebM without a default duration.
MOST_FRAMES_PER_SECOND = 240.0
# The rate is then computed from this many time stamps.
_STAMPS = 10
# A video has ended early if it lacks more than both of these.
_MISSING_S, _MISSING_SHARE = 1.0, 0.05
_DECODE = """
import cv2
capture = cv2.VideoCapture(sys.argv[1])
for _ in range(int(sys.argv[2])):
    capture.grab()
capture.retrieve()
"""
_DECODE_LIMIT_S = 60.0
# FFmpeg prints errors and no warnings; and the text of the failed conversion to BGR.
_ERRORS_ONLY = {"OPENCV_FFMPEG_LOGLEVEL": "16"}
_NOT_CONVERTED = "Cannot convert"


def open_file(path: Path) -> cv2.VideoCapture:
    """Open a video file.

    Raises:
        ImageError: the file does not exist, or OpenCV cannot read it.
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
        raise ImageError(
            f"Cannot open {path}: it is damaged, or OpenCV does not support the format."
        )
    return capture


def has_index(path: Path) -> bool:
    """Whether the file lists its frames (MP4, MOV, AVI), so that their count is exact."""
    with path.open("rb") as file:
        begin = file.read(12)
    return begin[4:8] == b"ftyp" or begin[:4] == b"RIFF"


def rate_by_time_stamps(path: Path) -> float | None:
    """Return frames per second by the time stamps of the first frames; None without them."""
    capture = open_file(path)
    stamps_s: list[float] = []
    while len(stamps_s) < _STAMPS and capture.grab():
        stamps_s.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    capture.release()
    gaps_s = [later - earlier for earlier, later in pairwise(stamps_s)]
    period_s = float(np.median(gaps_s)) if gaps_s else 0.0
    return 1 / period_s if period_s > 0 else None


def what_lacks(
    *, index: bool, frames: int, count: int | None, rate: float | None, last_s: float
) -> str | None:
    """Describe what a file lacks after its last readable frame; None if nothing.

    Args:
        index: `has_index`.
        frames: number of frames that were read.
        count: number of frames by the header.
        rate: frames per second.
        last_s: seconds from the first frame to the last one.
    """
    if count is None or rate is None:
        return None
    if index:
        if count - frames > max(_MISSING_S * rate, _MISSING_SHARE * count):
            return f"{frames} of the {count} frames that its index names can be read"
        return None
    # Without an index the count is an estimate: the duration times a rate.
    duration_s, end_s = count / rate, last_s + 1 / rate
    if last_s > 0 and duration_s - end_s > max(_MISSING_S, _MISSING_SHARE * duration_s):
        return f"{end_s:.1f} of the {duration_s:.1f} s that its header names can be read"
    return None


def first_repeats(path: Path) -> bool:
    """Whether the second frame equals the first one."""
    capture = open_file(path)
    (_, first), (there, second) = capture.read(), capture.read()
    capture.release()
    return there and is_repeated(np.asarray(second, np.uint8), np.asarray(first, np.uint8))


def expect_decoded(path: Path, number: int) -> None:
    """Check, in a separate process, that a frame was really decoded.

    FFmpeg 8, which OpenCV 4.13 contains, does not convert interlaced frames to BGR. OpenCV then
    returns the frame before, or a black one, and reports success. Only FFmpeg's text on standard
    error shows the fault.

    Args:
        path: of the video file.
        number: of a frame that equals the one before.

    Raises:
        ImageError: the frame was not decoded.
    """
    # Few videos come here: the others spend no memory on the import of what starts processes.
    from tfl_depth.runtime.delegates.sandbox import run_sandboxed

    with plain_path(path) as name:
        command = child.run_code(_DECODE, name, str(number + 1), flags=("-W", "ignore"))
        ended = run_sandboxed(command, child.environment(**_ERRORS_ONLY), timeout_s=_DECODE_LIMIT_S)
    if _NOT_CONVERTED in ended.output + ended.errors:
        raise ImageError(
            f"This OpenCV ({cv2.__version__}) cannot decode the interlaced video {path}: it "
            "returns black or old frames. Make the video progressive (ffmpeg -i IN -vf yadif "
            "OUT), or install opencv-python-headless<4.13."
        )


def is_repeated(frame: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8]) -> bool:
    """Whether two frames are the same, byte for byte."""
    return (
        frame.shape == before.shape
        and np.array_equal(frame[::16], before[::16])
        and np.array_equal(frame, before)
    )
