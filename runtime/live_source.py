"""Live sources of frames: cameras, network addresses and GStreamer pipelines."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

import cv2

from tfl_depth.errors import ImageError

# Time limit to open a source, and to read a frame. OpenCV itself waits 30 s.
TIME_LIMIT_S = 10.0
_ADDRESS = re.compile(r"(rtsps?|rtmps?|rtp|srt|udp|tcp|https?)://", re.IGNORECASE)
_NUMBER = re.compile(r"(?:camera:)?(\d+)")
_DEVICE = re.compile(r"/dev/video(\d+)")
# The largest number that OpenCV accepts, a C `int`.
_MOST = 2**31 - 1


def camera_number(name: str) -> int | None:
    """The number of a camera that a text names, as 0 or camera:0. A file of that name is ./0."""
    found = _NUMBER.fullmatch(name)
    return None if found is None else int(found[1])


def is_live(name: str) -> bool:
    """Whether a text is an address, a pipeline or a device like /dev/video0, and not a file."""
    return _ADDRESS.match(name) is not None or _is_pipeline(name) or _is_device(name)


def shown(name: str) -> str:
    """Return the name of an address or a pipeline for messages, without its password."""
    if _ADDRESS.match(name) is None:
        return name
    parts = urlsplit(name)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def open_camera(number: int) -> cv2.VideoCapture:
    """Open a camera by its number.

    Raises:
        ImageError: there is no such camera, or it is in use.
    """
    if isinstance(number, bool) or not 0 <= number <= _MOST:
        raise ImageError(f"Expected a camera's number, 0 or more, got {number}: no such camera.")
    return _opened(cv2.VideoCapture(number), f"camera {number}", "no such camera, or it is in use")


def open_live(name: str) -> cv2.VideoCapture:
    """Open an address, a pipeline or a device.

    Raises:
        ImageError: it cannot be opened, or it does not answer in time.
    """
    if _is_device(name):
        device = _DEVICE.fullmatch(str(Path(name).resolve()))
        if device is None:
            raise ImageError(f"Expected a camera device like /dev/video0, got {name}.")
        return open_camera(int(device[1]))
    backend = cv2.CAP_ANY
    if _is_pipeline(name):
        backend = cv2.CAP_GSTREAMER
        if not cv2.videoio_registry.hasBackend(backend):
            raise ImageError(
                "The pipeline needs GStreamer, and this OpenCV has none. Install the OpenCV of the "
                "board's image (python3-opencv)."
            )
    limit_ms = round(1000 * TIME_LIMIT_S)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
    capture = cv2.VideoCapture(name, backend, limits)
    return _opened(
        capture, shown(name), f"there is no video, or it does not answer within {TIME_LIMIT_S:g} s"
    )


def _opened(capture: cv2.VideoCapture, name: str, why: str) -> cv2.VideoCapture:
    if not capture.isOpened():
        capture.release()
        raise ImageError(f"Cannot open {name}: {why}.")
    return capture


def _is_pipeline(name: str) -> bool:
    return " ! " in name


def _is_device(name: str) -> bool:
    try:
        return name.startswith("/dev/") and stat.S_ISCHR(Path(name).stat().st_mode)
    except (OSError, ValueError):
        return False
