"""What gives frames and is no file: cameras, addresses and GStreamer's pipelines."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

import cv2

from tfl_depth.errors import ImageError

# How long one may take to open, and to give a frame. OpenCV itself waits 30 s.
TIME_LIMIT_S = 10.0
_ADDRESS = re.compile(r"(rtsps?|rtmps?|rtp|srt|udp|tcp|https?)://", re.IGNORECASE)
_DEVICE = re.compile(r"/dev/video(\d+)")
# OpenCV takes the number as an `int` of C.
_MOST = 2**31 - 1


def is_live(name: str) -> bool:
    """Whether a text names no file: an address, a pipeline or a device like /dev/video0."""
    return _ADDRESS.match(name) is not None or _is_pipeline(name) or _is_device(name)


def shown(name: str) -> str:
    """What an address or a pipeline is called in messages: without a password."""
    if _ADDRESS.match(name) is None:
        return name
    parts = urlsplit(name)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def open_camera(number: int) -> cv2.VideoCapture:
    """A camera by its number.

    Raises:
        ImageError: there is none, or it is in use.
    """
    if isinstance(number, bool) or not 0 <= number <= _MOST:
        raise ImageError(f"Expected a camera's number, 0 or more, got {number}: no such camera.")
    return _opened(cv2.VideoCapture(number), f"camera {number}", "no such camera, or it is in use")


def open_live(name: str) -> cv2.VideoCapture:
    """What `is_live` names.

    Raises:
        ImageError: it cannot be opened, or does not answer in time.
    """
    if _is_device(name):
        device = _DEVICE.fullmatch(str(Path(name).resolve()))
        if device is None:
            raise ImageError(f"{name} is no camera: expected a device like /dev/video0.")
        return open_camera(int(device[1]))
    backend = cv2.CAP_ANY
    if _is_pipeline(name):
        backend = cv2.CAP_GSTREAMER
        if not cv2.videoio_registry.hasBackend(backend):
            raise ImageError(
                "This OpenCV has no GStreamer, which the pipeline needs: take the one of the "
                "board's own image (python3-opencv)."
            )
    limit_ms = round(1000 * TIME_LIMIT_S)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
    capture = cv2.VideoCapture(name, backend, limits)
    return _opened(capture, shown(name), f"no video there, or no answer within {TIME_LIMIT_S:g} s")


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
