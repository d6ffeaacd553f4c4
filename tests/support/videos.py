"""Small videos as recorders and accidents leave them: what their headers say is not what they hold.

OpenCV writes none of them by itself.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
SIZE = (96, 160)


def pictures(count: int) -> list[Pixels]:
    """Smooth pictures that move, (96, 160, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 10, 3), np.uint8)
    base = np.asarray(cv2.resize(coarse, SIZE[::-1]), np.uint8)
    return moved(base, count, 7)


def moved(picture: Pixels, count: int, step: int = 10) -> list[Pixels]:
    """A picture that moves to the right, by `step` columns a frame."""
    return [np.roll(picture, step * k, axis=1) for k in range(count)]


def write(path: Path, code: str, frames: Sequence[Pixels], rate: float = 30.0) -> None:
    """Write a video as OpenCV does, of the first frame's size."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()


def with_avi_count(path: Path, count: int) -> None:
    """Let an AVI's two headers say that it holds so many frames."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"avih") + 8 + 16, count)
    struct.pack_into("<I", content, content.index(b"strh") + 8 + 32, count)
    path.write_bytes(content)


def cut(path: Path, share: float) -> None:
    """Keep the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])


def with_index_first(path: Path) -> None:
    """Move an MP4's index before its frames, as recorders for the network do."""
    content = path.read_bytes()
    boxes, place = {}, 0
    while place < len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        boxes[kind] = content[place : place + size]
        place += size
    index = bytearray(boxes[b"moov"])
    table = index.index(b"stco") + 8
    for entry in range(struct.unpack_from(">I", index, table)[0]):
        (offset,) = struct.unpack_from(">I", index, table + 4 + 4 * entry)
        struct.pack_into(">I", index, table + 4 + 4 * entry, offset + len(index))
    del boxes[b"moov"]
    path.write_bytes(boxes.pop(b"ftyp") + index + b"".join(boxes.values()))


def interlace(path: Path) -> None:
    """Set the bits of an MPEG-2 video that call its frames interlaced; the pictures stay."""
    content, place = bytearray(path.read_bytes()), -1
    while (place := content.find(b"\0\0\1\xb5", place + 1)) >= 0:
        if content[place + 4] >> 4 == 1:  # of the sequence
            content[place + 5] &= ~0x08
        elif content[place + 4] >> 4 == 8:  # of a picture
            content[place + 7] &= ~0x01
            content[place + 8] &= ~0x80
    path.write_bytes(content)


def write_matroska(
    path: Path,
    frames: Sequence[Pixels],
    times_ms: Sequence[int],
    *,
    duration_ms: float,
    period_ms: float | None,
) -> None:
    """Write a Matroska file of JPEGs at any times.

    Args:
        path: of the file.
        frames: (H, W, 3) BGR.
        times_ms: of each frame.
        duration_ms: that its header tells.
        period_ms: of a frame, that its header tells; None for none.
    """
    height, width = frames[0].shape[:2]
    track = _number("D7", 1) + _number("73C5", 1) + _number("83", 1) + _element("86", b"V_MJPEG")
    if period_ms is not None:
        track += _number("23E383", round(1e6 * period_ms))
    track += _element("E0", _number("B0", width) + _number("BA", height))
    info = _number("2AD7B1", 10**6) + _element("4489", struct.pack(">d", duration_ms))
    clusters = b"".join(
        _element(
            "1F43B675", _number("E7", time_ms) + _element("A3", b"\x81\0\0\x80" + _jpeg(frame))
        )
        for frame, time_ms in zip(frames, times_ms, strict=True)
    )
    head = _number("4286", 1) + _number("42F7", 1) + _number("42F2", 4) + _number("42F3", 8)
    head += _element("4282", b"matroska") + _number("4287", 4) + _number("4285", 2)
    segment = _element("1549A966", info) + _element("1654AE6B", _element("AE", track)) + clusters
    path.write_bytes(_element("1A45DFA3", head) + _element("18538067", segment))


def _jpeg(frame: Pixels) -> bytes:
    return cv2.imencode(".jpg", frame)[1].tobytes()


def _element(name: str, content: bytes) -> bytes:
    return bytes.fromhex(name) + struct.pack(">Q", 1 << 56 | len(content)) + content


def _number(name: str, value: int) -> bytes:
    return _element(name, value.to_bytes(8, "big"))
