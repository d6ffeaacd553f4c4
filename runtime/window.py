"""A window on the screen, where this OpenCV opens windows."""

from __future__ import annotations

import os
import re

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import DepthError
from tfl_depth.runtime.closeable import Closeable

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
_ESCAPE = 27
_KEYS = {_ESCAPE, ord("q"), ord("Q")}


class Window(Closeable):
    """Shows pictures until it is closed, by its button, Q or Escape. A context manager."""

    def __init__(self, title: str) -> None:
        """Open the window.

        Raises:
            DepthError: this OpenCV has no windows, or there is no display.
        """
        expect_windows()
        self._title = title
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)

    def show(self, picture: npt.NDArray[np.uint8], wait_ms: int = 1) -> bool:
        """Show a picture, (H, W, 3) uint8 BGR.

        Args:
            picture: to show.
            wait_ms: how long keys are waited for; 0: until one is pressed.

        Returns:
            Whether the window is still open.
        """
        cv2.imshow(self._title, picture)
        pressed = cv2.waitKey(wait_ms) & 0xFF
        is_open = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        return pressed not in _KEYS and is_open

    def _close(self) -> None:
        if cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 0:
            cv2.destroyWindow(self._title)


def expect_windows() -> None:
    """Check that windows can be opened: without a display some OpenCVs end the process.

    Raises:
        DepthError: they cannot.
    """
    if re.search(r"GUI:\s+NONE", cv2.getBuildInformation()):
        raise DepthError(
            "This OpenCV opens no windows. Install opencv-python in place of "
            "opencv-python-headless, or use tfl-depth infer --serve or tfl-depth view."
        )
    if not any(map(os.environ.get, _DISPLAYS)):
        raise DepthError(
            "There is no display for a window (DISPLAY is not set): use tfl-depth infer --serve "
            "or tfl-depth view."
        )
