"""Frames of a camera or of a video file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ImageError
from tfl_depth.runtime.closing import Closing


class Video(Closing):
    """A camera or a video file, opened; iterating gives its frames, (H, W, 3) uint8 BGR.

    A context manager.

    Attributes:
        name: of the file, or "camera 0".
        is_camera: whether it is no file.
        frames_per_second: as the file says, or None.
        frame_count: as the file says, or None.
    """

    def __init__(self, source: int | str | os.PathLike[str]) -> None:
        """Open a camera by its number or a video by its path.

        Raises:
            ImageError: there is none, or OpenCV cannot read it.
        """
        self.is_camera = isinstance(source, int)
        self.name = f"camera {source}" if self.is_camera else os.fspath(str(source))
        if not self.is_camera and not Path(self.name).is_file():
            raise ImageError(f"There is no video file {self.name}.")
        self._capture = cv2.VideoCapture(source if isinstance(source, int) else self.name)
        if not self._capture.isOpened():
            self._capture.release()
            raise ImageError(
                f"Cannot open {self.name}: "
                + (
                    "no such camera, or it is in use."
                    if self.is_camera
                    else "damaged, or no format that OpenCV knows."
                )
            )
        self.frames_per_second = self._property(cv2.CAP_PROP_FPS)
        count = self._property(cv2.CAP_PROP_FRAME_COUNT)
        self.frame_count = None if count is None else round(count)

    def _property(self, which: int) -> float | None:
        value = self._capture.get(which)
        return value if np.isfinite(value) and value > 0 else None

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Read to the end of the file; a camera has none.

        Raises:
            ImageError: no frame can be read, or the camera gives no more.
        """
        self.expect_own_process()
        number = 0
        while True:
            there, frame = self._capture.read()
            if not there:
                break
            yield np.asarray(frame, np.uint8)
            number += 1
        if self.is_camera:
            raise ImageError(f"{self.name} gives no more frames, after {number}: is it plugged in?")
        if number == 0:
            raise ImageError(f"Cannot read {self.name} as a video: it gives no frame.")

    def _close(self) -> None:
        """Free the camera or the file."""
        self._capture.release()
