"""The decoder of image files: complete pictures or an error.

OpenCV fills the damaged part of a JPEG with gray, and reports it only on standard error
(tfl_depth/decoder_messages.py). All readers of photos and depth images use this decoder.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.decoder_messages import LISTENER

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The bytes around a chunk's content: its length and its kind before, its checksum after it.
PNG_CHUNK_HEAD, PNG_CHUNK_FRAME = 8, 12
JPEG_SIGNATURE = b"\xff\xd8\xff"


def decode(content: bytes, flags: int) -> npt.NDArray[Any] | None:
    """Decode an image file's content; None if it is damaged or OpenCV does not support its format.

    Args:
        content: of the file.
        flags: of OpenCV, IMREAD_*.
    """
    if content.startswith(PNG_SIGNATURE) and not _png_is_whole(content):
        return None
    if content.startswith(JPEG_SIGNATURE):
        return _decode_jpeg(content, flags)
    return _decode(content, flags)


def _decode(content: bytes, flags: int) -> npt.NDArray[Any] | None:
    # OpenCV refuses an incomplete JPEG in memory, but not in a file.
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        return None


def _png_is_whole(content: bytes) -> bool:
    """Whether all chunks are complete and have correct checksums.

    OpenCV 4.11 hangs if a chunk is larger than the file.
    """
    place = len(PNG_SIGNATURE)
    while place + PNG_CHUNK_FRAME <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + PNG_CHUNK_HEAD + length
        if end + 4 > len(content):
            return False
        checksum = zlib.crc32(memoryview(content)[place + 4 : end])
        if checksum != struct.unpack_from(">I", content, end)[0]:
            return False
        if kind == b"IEND":
            return True
        place = end + 4
    return False


def _decode_jpeg(content: bytes, flags: int) -> npt.NDArray[Any] | None:
    with LISTENER.listening() as heard:
        pixels = _decode(content, flags)
    if heard.damage and heard.shared:  # perhaps of another thread's picture
        with LISTENER.listening(alone=True) as heard:
            pixels = _decode(content, flags)
    return None if heard.damage else pixels
