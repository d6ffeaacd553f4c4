"""Depth of frames that a board computes, one by one, with the interface of a local runner."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.boards.connection import BoardProcess, CommandResult
from tfl_depth.boards.frame_messages import (
    DEPTH,
    FAILURE,
    FRAME,
    HEADER,
    READY,
    SUMMARY,
    array_bytes,
    bytes_array,
    message,
)
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import BoardError

# Limits: a frame over a slow link; opening and the first frame with a delegate that compiles.
FRAME_LIMIT_S = 120.0
START_LIMIT_S = 600.0


class FrameStream:
    """Sends frames to a board and returns their depth. `finish` returns the measurements."""

    def __init__(
        self, process: BoardProcess, failed: Callable[[CommandResult], BoardError]
    ) -> None:
        """Wait until the model is open on the board.

        Args:
            process: runs `frame_server` on the board.
            failed: makes the error if the server has ended.

        Raises:
            BoardError: the model cannot be opened there.
        """
        self._process, self._failed = process, failed
        self._limit_s = START_LIMIT_S
        # The board's standard error, after `finish`.
        self.errors = ""
        ready = json.loads(self._receive(READY))
        self.placement: dict[str, Any] = ready["placement"]
        # As `DepthRunner.correction_note`.
        self.correction_note: str | None = ready["correction_note"]

    def infer(self, rgb: npt.NDArray[np.uint8]) -> DepthMm:
        """Depth of one frame.

        Args:
            rgb: (H, W, 3) uint8.

        Returns:
            (H, W), of the dtype of `DepthRunner`: millimeters, 0 = no depth.

        Raises:
            BoardError: the board fails, the link is lost, or the frame takes too long.
        """
        self._process.send(message(FRAME, array_bytes(rgb)), FRAME_LIMIT_S)
        depth_mm: DepthMm = bytes_array(self._receive(DEPTH))  # type: ignore[assignment]
        self._limit_s = FRAME_LIMIT_S
        if depth_mm.shape != rgb.shape[:2]:
            raise BoardError(f"Expected depth of {rgb.shape[:2]}, got {depth_mm.shape}.")
        return depth_mm

    def finish(self) -> dict[str, Any]:
        """Placement, times and conditions of all frames."""
        self._process.end_input()
        summary: dict[str, Any] = json.loads(self._receive(SUMMARY))
        self.errors = self._process.finish(FRAME_LIMIT_S).errors
        return summary

    def _receive(self, expected: bytes) -> bytes:
        header = self._process.receive(HEADER.size, self._limit_s)
        if len(header) < HEADER.size:
            raise self._failed(self._process.finish(FRAME_LIMIT_S))
        kind, size = HEADER.unpack(header)
        content = self._process.receive(size, self._limit_s)
        if kind == FAILURE:
            raise BoardError(json.loads(content)["error"])
        if kind != expected or len(content) < size:
            raise BoardError(f"Expected a message {expected!r} of the board, got {header!r}.")
        return content
