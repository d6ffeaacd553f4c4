"""Frames of a camera, of an address, or of a video file."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ImageError, TruncatedVideoError
from tfl_depth.runtime.closeable import Closeable
from tfl_depth.runtime.exclusive import Exclusive
from tfl_depth.runtime.live_source import is_live, open_camera, open_live, shown
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
# Of a file's frames: the first one that repeats the one before it is looked at.
LOOKED_AT = 250


class Video(Closeable):
    """A camera or a video file, opened; iterating gives its frames, (H, W, 3) uint8 BGR.

    A context manager. Several threads may take frames of it: each frame goes to one of them.

    Attributes:
        name: of the file, "camera 0", or the address without a password.
        is_camera: whether it is no file.
        frames_per_second: as the file says, or as its first time stamps do; or None.
        frame_count: as the file says, which may be an estimate, or None.
        time_s: seconds from the first frame to the last one that was given, by the file's time
            stamps; None for a camera, and before the first frame.
    """

    def __init__(
        self, source: int | str | os.PathLike[str], *, most_pixels: int | None = None
    ) -> None:
        """Open a camera, a video file, or what else gives frames.

        Args:
            source: a camera's number; a file's path; or a text: a camera's device like /dev/video0,
                an address like rtsp://..., or a pipeline of GStreamer, whose parts " ! " parts.
            most_pixels: of a frame, by the header, before one is decoded; None for any number.

        Raises:
            ImageError: there is none, OpenCV cannot read it, it does not answer in time, or its
                frames are too large.
        """
        self._path: Path | None = None
        self._take = Exclusive()
        self._given = 0
        self._first_s: float | None = None
        self._before: Frame | None = None
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

    def __iter__(self) -> Video:
        """Itself: a loop goes on where the one before it was left."""
        return self

    def __next__(self) -> Frame:
        """The next frame of the file, to its end; a camera has none.

        Raises:
            TruncatedVideoError: the file says that there should be more.
            ImageError: no frame can be read, or none that is a picture, or the camera gives no
                more.
        """
        self.expect_own_process()
        with self._take:  # OpenCV ends the process where two threads read
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
        """Take a frame's time stamp, and check that it is a picture."""
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
            raise ImageError(f"{self.name} gives no more frames, after {number}: is it plugged in?")
        if number == 0:
            raise ImageError(f"Cannot read {self.name} as a video: it gives no frame.")
        lacking = what_lacks(
            index=self._has_index,
            frames=number,
            count=self.frame_count,
            rate=self._rate,
            last_s=self.time_s or 0.0,
        )
        if lacking is not None:
            raise TruncatedVideoError(f"{self.name} ends early, cut or damaged: {lacking}.")

    def _close(self) -> None:
        """Free the camera or the file."""
        self._take.when_free(self._capture.release)
