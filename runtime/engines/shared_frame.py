"""A frame in memory that two processes share: pixels to the worker, codes back."""

from __future__ import annotations

import mmap
import os

import numpy as np

from tfl_depth.runtime.engines.engine import EngineInfo
from tfl_depth.runtime.preprocess import Codes, Pixels

# Alignment of arrays: the length of a cache line.
ALIGNMENT = 64


class SharedFrame:
    """The arrays of one frame. Both processes map the same file in memory.

    Attributes:
        input: as `EngineInfo.new_input` makes it.
        codes: as `OutputLayout.new_codes` makes them.
    """

    def __init__(self, handle: int, info: EngineInfo) -> None:
        """Make the file long enough, and map it. The caller may close it then."""
        pixels, codes = info.new_input(), info.layout.new_codes()
        place = -(-pixels.nbytes // ALIGNMENT) * ALIGNMENT
        size = place + codes.nbytes
        os.ftruncate(handle, size)
        memory = mmap.mmap(handle, size)
        self.input: Pixels | Codes = np.ndarray(pixels.shape, pixels.dtype, memory)
        self.codes = np.ndarray(codes.shape, codes.dtype, memory, place)
