"""A frame in memory that two processes share: pixels there, codes back."""

from __future__ import annotations

import mmap
import os
from math import prod

import numpy as np

from tfl_depth.runtime.engine import Form

# Where an array may begin; as long as a line of any processor's cache.
ALIGNMENT = 64


class SharedFrame:
    """The arrays of one frame. Both processes make it, over one file in memory.

    Attributes:
        rgb: (height, width, 3) uint8, of the network's size.
        codes: as `Recombiner.new_codes` makes them.
    """

    def __init__(self, handle: int, form: Form) -> None:
        """Map a file, which is made long enough and may be closed afterwards."""
        pixels = (form.contract.height, form.contract.width, 3)
        codes = form.new_recombiner().new_codes()
        place = -(-prod(pixels) // ALIGNMENT) * ALIGNMENT
        size = place + codes.nbytes
        os.ftruncate(handle, size)
        memory = mmap.mmap(handle, size)
        self.rgb = np.ndarray(pixels, np.uint8, memory)
        self.codes = np.ndarray(codes.shape, codes.dtype, memory, place)
