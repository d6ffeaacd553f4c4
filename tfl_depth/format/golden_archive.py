"""The files of a golden archive. Their sizes are checked before they are decoded.

A small malicious file can make a reader allocate any amount of memory: with a ZIP entry that
unpacks to more than it declares, or with a wrong size in the header of a PNG or an array.
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

# The largest number of images; the converter writes one or two.
MAX_IMAGES = 16
# Allowed beside an image's bytes: headers, and the overhead of a PNG that does not compress.
HEADER_BYTES = 1 << 16
# Depth may be larger than the network's input, by this factor along each side.
MAX_ENLARGEMENT = 2
# The header that numpy writes. numpy's reader would evaluate any header as Python.
NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<u[24])', 'fortran_order': False, "
    rb"'shape': \((\d{1,6}), (\d{1,6})\), \} *\n",
    re.DOTALL,
)
DIGEST = re.compile(rb"[0-9a-f]{64}")
# A broken archive raises one of these or ValueError: Python's reader has several errors.
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
    """Read a PNG of (height, width) pixels with 8 bits per color as (height, width, 3) RGB.

    Raises:
        ValueError: it is not a PNG, or has another size.
    """
    height, width = size
    content = _unpacked(archive, name, 3 * height * width + HEADER_BYTES)
    if not content.startswith(PNG_SIGNATURE) or content[12:16] != b"IHDR":
        raise ValueError(f"{name} is not a PNG")
    declared = struct.unpack_from(">IIB", content, 16)
    if declared != (width, height, 8):
        raise ValueError(f"{name} of {declared[1]} x {declared[0]} pixels of {declared[2]} bits")
    bgr = decode(content, cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{name} is not an image")
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def read_depth(archive: zipfile.ZipFile, name: str, size: tuple[int, int]) -> npt.NDArray[Any]:
    """Read a numpy file of millimeters, (H, W) uint16 or uint32.

    Args:
        archive: that contains it.
        name: of the file.
        size: (height, width) of the network's input. H and W are at most twice as large.

    Raises:
        ValueError: it is not such a file, or larger.
    """
    most = tuple(MAX_ENLARGEMENT * side for side in size)
    content = _unpacked(archive, name, 4 * most[0] * most[1] + HEADER_BYTES)
    header = NPY_HEADER.match(content)
    if header is None:
        raise ValueError(f"{name} is not a numpy file of millimeters")
    dtype, shape = np.dtype(header[1].decode()), (int(header[2]), int(header[3]))
    if not all(0 < side <= limit for side, limit in zip(shape, most, strict=True)):
        raise ValueError(f"{name} of shape {shape}")
    if len(content) - header.end() != dtype.itemsize * shape[0] * shape[1]:
        raise ValueError(f"{name} is incomplete or too long")
    return np.frombuffer(content, dtype, offset=header.end()).reshape(shape)


def read_digests(archive: zipfile.ZipFile, images: int) -> tuple[str, ...] | None:
    """Read the digest of the tensors of each image; None if the archive has no digests.

    Raises:
        ValueError: one of them is not a SHA-256 in hexadecimal.
        KeyError: some are missing.
    """
    if not any(name.endswith(".sha256") for name in archive.namelist()):
        return None
    return tuple(_digest(archive, f"{number}.sha256") for number in range(images))


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    content = _unpacked(archive, name, 64)
    if DIGEST.fullmatch(content) is None:
        raise ValueError(f"{name} is not a SHA-256 digest")
    return content.decode()


def _unpacked(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Read a file of the archive that unpacks to at most `most` bytes."""
    entry = archive.getinfo(name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} has a compression that the converter does not use")
    if entry.file_size > most:
        raise ValueError(f"{name} of {entry.file_size} bytes, more than {most}")
    with archive.open(entry) as file:
        # The declared size of an entry may be wrong.
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{name} of more than {most} bytes")
    return content
