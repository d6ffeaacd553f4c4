"""16-bit frames for other programs: their bytes, and standard output as a pipe for them."""

from __future__ import annotations

import os
import sys
from typing import Literal, get_args

import numpy as np

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ImageError, OutputError
from tfl_depth.png import png_content
from tfl_depth.runtime.closeable import Closeable
from tfl_depth.tools.lib.command_run import TERMINAL

FrameFormat = Literal["raw", "png"]
FORMATS: tuple[FrameFormat, ...] = get_args(FrameFormat)


class FrameBytes:
    """Encodes frames.

    Attributes:
        kind: "raw", rows of little-endian uint16, or "png", whole files of 16 bits.
        size: (height, width) of the first frame and of all raw frames; None before the first.
    """

    def __init__(self, kind: FrameFormat) -> None:
        self.kind = kind
        self.size: tuple[int, ...] | None = None

    def __call__(self, depth_mm: DepthMm) -> memoryview:
        """The bytes of (H, W) uint16 millimeters.

        Raises:
            ImageError: raw frames differ in size. A reader could not separate them.
        """
        self.size = self.size or depth_mm.shape
        if self.kind == "png":
            return png_content(depth_mm)
        if depth_mm.shape != self.size:
            raise ImageError(
                f"Expected raw frames of one size, {_named(self.size)}, got "
                f"{_named(depth_mm.shape)}: give --frame-format png, or inputs of one size."
            )
        return np.ascontiguousarray(depth_mm, "<u2").data.cast("B")

    def __str__(self) -> str:
        """The format, for the reader."""
        if self.kind == "png" or self.size is None:
            return "PNG files of 16 bits"
        return f"raw gray16le of {_named(self.size)}"


def _named(size: tuple[int, ...]) -> str:
    """A size (height, width) as WIDTHxHEIGHT."""
    return f"{size[1]}x{size[0]}"


class FramePipe(Closeable):
    """Reserves standard output for frames. Prints go to standard error."""

    def __init__(self, kind: FrameFormat) -> None:
        """Reserve standard output.

        Raises:
            OutputError: it is a terminal.
        """
        if os.isatty(1):
            raise OutputError(
                "Expected standard output to be a pipe or a file: 16-bit frames are not text."
            )
        self._bytes = FrameBytes(kind)
        self._written = 0
        sys.stdout.flush()
        self._pipe = os.dup(1)
        # Native code of a delegate prints to the descriptor itself.
        os.dup2(TERMINAL.fileno(), 1)

    def write(self, depth_mm: DepthMm) -> None:
        """Write a whole frame, and wait for a slow reader.

        Raises:
            BrokenPipeError: the reader has closed the pipe.
        """
        content = self._bytes(depth_mm)
        if not self._written:
            print(f"standard output: {self._bytes}, millimeters, 0 = no depth", file=sys.stderr)
        self._written += 1
        while content:
            content = content[os.write(self._pipe, content) :]

    def _close(self) -> None:
        sys.stdout.flush()
        os.dup2(self._pipe, 1)
        os.close(self._pipe)
