"""The files of a golden archive, whose size is known before any of them is decoded.

A small file can ask for any amount of memory: by a ZIP entry that unpacks to more than it says, by
a PNG or an array whose header names a size of its own.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.image_decoder import PNG_SIGNATURE, decode

# More than any model has; the converter writes one or two.
MAX_IMAGES = 16
# Beside an image's own bytes: headers, and what a PNG adds where nothing compresses.
HEADER_BYTES = 1 << 16
# Depth may be finer than the network's input, by this along each side.
MAX_ENLARGEMENT = 2
# As numpy writes it. Its own reader evaluates the header as Python, of any length and depth.
NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<u[24])', 'fortran_order': False, "
    rb"'shape': \((\d{1,6}), (\d{1,6})\), \} *\n",
    re.DOTALL,
)
DIGEST = re.compile(rb"[0-9a-f]{64}")
# What a broken archive raises, beside ValueError: Python's reader has no error of its own for each.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    KeyError,
    TypeError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


def read_rgb(archive: zipfile.ZipFile, name: str, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Read a PNG of (height, width) pixels of 8 bits a color as (height, width, 3) RGB.

    Raises:
        ValueError: it is none, or of another size.
    """
    height, width = size
    content = _unpacked(archive, name, 3 * height * width + HEADER_BYTES)
    if not content.startswith(PNG_SIGNATURE) or content[12:16] != b"IHDR":
        raise ValueError(f"{name} is no PNG")
    declared = struct.unpack_from(">IIB", content, 16)
    if declared != (width, height, 8):
        raise ValueError(f"{name} of {declared[1]} x {declared[0]} pixels of {declared[2]} bits")
    bgr = decode(content, cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{name} is no image")
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def read_depth(archive: zipfile.ZipFile, name: str, size: tuple[int, int]) -> npt.NDArray[Any]:
    """Read a numpy file of millimeters, (H, W) uint16 or uint32.

    Args:
        archive: that holds it.
        name: of the file.
        size: (height, width) of the network's input, of which H and W are at most the double.

    Raises:
        ValueError: it is none, or larger.
    """
    most = tuple(MAX_ENLARGEMENT * side for side in size)
    content = _unpacked(archive, name, 4 * most[0] * most[1] + HEADER_BYTES)
    header = NPY_HEADER.match(content)
    if header is None:
        raise ValueError(f"{name} is no numpy file of millimeters")
    dtype, shape = np.dtype(header[1].decode()), (int(header[2]), int(header[3]))
    if not all(0 < side <= limit for side, limit in zip(shape, most, strict=True)):
        raise ValueError(f"{name} of shape {shape}")
    if len(content) - header.end() != dtype.itemsize * shape[0] * shape[1]:
        raise ValueError(f"{name} is cut short or too long")
    return np.frombuffer(content, dtype, offset=header.end()).reshape(shape)


def read_digests(archive: zipfile.ZipFile, images: int) -> tuple[str, ...] | None:
    """Read the digests of so many images' tensors; None where the archive has none at all.

    Raises:
        ValueError: one of them is no SHA-256 in hexadecimal.
        KeyError: some are missing.
    """
    if not any(name.endswith(".sha256") for name in archive.namelist()):
        return None
    return tuple(_digest(archive, f"{number}.sha256") for number in range(images))


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    content = _unpacked(archive, name, 64)
    if DIGEST.fullmatch(content) is None:
        raise ValueError(f"{name} is no SHA-256 digest")
    return content.decode()


def _unpacked(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A file of the archive, as long as it unpacks to no more than `most` bytes."""
    entry = archive.getinfo(name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in a way that no converter uses")
    if entry.file_size > most:
        raise ValueError(f"{name} of {entry.file_size} bytes, more than {most}")
    with archive.open(entry) as file:
        # The size that an entry declares may be a lie.
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{name} of more than {most} bytes")
    return content
