"""Messages between a PC and the frame server of a board: a letter, a length, and the content."""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt

HEADER = struct.Struct("<cQ")
# From the board: it is ready; the depth of a frame; an error; the measurements at the end.
READY, DEPTH, FAILURE, SUMMARY = b"R", b"D", b"E", b"S"
# To the board.
FRAME = b"F"


def message(kind: bytes, content: bytes) -> bytes:
    """Encode a message."""
    return HEADER.pack(kind, len(content)) + content


def array_bytes(array: npt.NDArray[np.generic]) -> bytes:
    """Encode an array as a .npy file."""
    made = io.BytesIO()
    np.save(made, array, allow_pickle=False)
    return made.getvalue()


def bytes_array(content: bytes) -> npt.NDArray[np.generic]:
    """Decode a .npy file."""
    array: npt.NDArray[np.generic] = np.load(io.BytesIO(content), allow_pickle=False)
    return array
