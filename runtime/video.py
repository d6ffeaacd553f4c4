"""Frames of a camera, a network address or a video file."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ImageError, TruncatedVideoError
from tfl_depth.runtime.closeable import Closeable
from tfl_depth.runtime.exclusive import Exclusive
from tfl_depth.runtime.live_source import (
    camera_number,
    is_live,
    open_camera,
    open_live,
    shown,
)
from tfl_depth.runtime.video_file import (
    MOST_FRAMES_PER_SECOND,
    expect_decoded,
    first_repeats,
    has_index,
    is_repeated,
    open_file,
    rate_by_time_stamps,
    what_lacks,
)

Frame = npt.NDArray[np.uint8]
# The first frame of a file that equals the frame before it is checked.
LOOKED_AT = 250


class Video(Closeable):
    """An open camera or video file. Iterating yields its frames, (H, W, 3) uint8 BGR.

    A context manager. Several threads may iterate; each frame goes to one of them.

    Attributes:
        name: of the file, "camera 0", or the address without its password.
        is_camera: whether it is a live source and not a file.
        frames_per_second: from the file's header or its first time stamps; None if unknown.
        frame_count: from the file's header, possibly an estimate; None if unknown.
        time_s: seconds from the first frame to the latest one, by the file's time stamps; None
            for a camera, and before the first frame.
    """

    def __init__(
        self, source: int | str | os.PathLike[str], *, most_pixels: int | None = None
    ) -> None:
        """Open a camera, a video file or another source of frames.

        Args:
            source: a camera's number, also as text; a file's path; a camera's device like
                /dev/video0; an address like rtsp://...; or a GStreamer pipeline, whose parts
                " ! " separates.
            most_pixels: the largest number of pixels of a frame, checked in the header before a
                frame is decoded; None for no limit.

        Raises:
            ImageError: the source does not exist, OpenCV cannot read it, it does not answer in
                time, or its frames are too large.
        """
        self._path: Path | None = None
        self._take = Exclusive()
        self._given = 0
        self._first_s: float | None = None
        self._before: Frame | None = None
        if isinstance(source, str) and (number := camera_number(source)) is not None:
            source = number
        if isinstance(source, int):
            self.name = f"camera {source}"
            self._capture = open_camera(source)
        elif is_live(os.fspath(source)):
            self.name = shown(os.fspath(source))
            self._capture = open_live(os.fspath(source))
        else:
            self._path, self.name = Path(source), os.fspath(source)
            self._capture = open_file(self._path)
        self.is_camera = self._path is None
        self.time_s: float | None = None
        self._rate = self._property(cv2.CAP_PROP_FPS)
        count = self._property(cv2.CAP_PROP_FRAME_COUNT)
        self.frame_count = None if count is None else round(count)
        self.frames_per_second = self._rate
        if most_pixels is not None:
            self._expect_size(most_pixels)
        self._trusted = self._has_index = False
        if self._path is not None:
            self._look_into(self._path)

    def _expect_size(self, most_pixels: int) -> None:
        width = self._property(cv2.CAP_PROP_FRAME_WIDTH) or 0
        height = self._property(cv2.CAP_PROP_FRAME_HEIGHT) or 0
        if width * height > most_pixels:
            self.close()
            raise ImageError(
                f"Expected frames of at most {most_pixels // 10**6} million pixels, {self.name} "
                f"has {width:.0f}x{height:.0f}."
            )

    def _look_into(self, path: Path) -> None:
        try:
            self._has_index = has_index(path)
        except OSError as error:
            raise ImageError(f"Cannot read {self.name}: {error.strerror}.") from error
        if (self._rate or 0) > MOST_FRAMES_PER_SECOND:
            self.frames_per_second = rate_by_time_stamps(path)
        if first_repeats(path):
            expect_decoded(path, 1)
            self._trusted = True

    def _property(self, which: int) -> float | None:
        value = self._capture.get(which)
        return value if np.isfinite(value) and value > 0 else None

    def __repr__(self) -> str:
        rate = self.frames_per_second
        frames = "" if self.frame_count is None else f", {self.frame_count} frames"
        return f"<Video {self.name}{frames}" + (">" if rate is None else f", {rate:g} a second>")

    def __iter__(self) -> Video:
        """Return itself. A second loop continues at the next frame."""
        return self

    def __next__(self) -> Frame:
        """Return the next frame. A file ends after its last frame; a camera does not end.

        Raises:
            TruncatedVideoError: the file's header promises more frames.
            ImageError: no frame can be read, a frame is not a picture, or the camera stops.
        """
        self.expect_own_process()
        with self._take:  # OpenCV ends the process if two threads read
            there, read = self._capture.read()
            if not there:
                self._expect_end(self._given)
                raise StopIteration
            frame = np.asarray(read, np.uint8)
            if self._path is not None:
                self._look_at(frame, self._path)
            self._given += 1
            return frame

    def _look_at(self, frame: Frame, path: Path) -> None:
        """Note a frame's time stamp, and check that it is a picture."""
        stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        self._first_s = stamp_s if self._first_s is None else self._first_s
        self.time_s = stamp_s - self._first_s
        if self._before is not None and is_repeated(frame, self._before):
            expect_decoded(path, self._given)
            self._trusted = True
        looked = self._trusted or self._given >= LOOKED_AT
        self._before = None if looked else frame.copy()

    def _expect_end(self, number: int) -> None:
        if self._path is None:
            raise ImageError(f"{self.name} has stopped after {number} frames. Is it plugged in?")
        if number == 0:
            raise ImageError(f"Cannot read {self.name} as a video: it has no readable frame.")
        lacking = what_lacks(
            index=self._has_index,
            frames=number,
            count=self.frame_count,
            rate=self._rate,
            last_s=self.time_s or 0.0,
        )
        if lacking is not None:
            raise TruncatedVideoError(
                f"{self.name} ends early; it is cut off or damaged: {lacking}."
            )

    def _close(self) -> None:
        """Free the camera or the file."""
        self._take.when_free(self._capture.release)
