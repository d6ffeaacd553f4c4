"""Photos within the page's limits. Sizes are checked before decoding."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tfl_depth.errors import ImageError
from tfl_depth.runtime.preprocess import Pixels, decode_image

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 25_000_000
# Pillow's names of the formats that are searched for in folders.
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


def open_photo(path: Path) -> Pixels:
    """Read a photo as (H, W, 3) uint8 BGR.

    Raises:
        ImageError: the file is missing, has too many bytes or pixels, or is not a photo.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(f"Cannot read {path}: {error.strerror}.") from error
    return decode_photo(content, path.name)


def decode_photo(content: bytes, name: str) -> Pixels:
    """Decode a photo as (H, W, 3) uint8 BGR.

    Raises:
        ImageError: it has too many bytes or pixels, or is not a photo.
    """
    if len(content) > MAX_BYTES:
        raise ImageError(f"Expected at most {MAX_BYTES // 2**20} MiB, {name} has more.")
    width, height = _size(content, name)
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"Expected at most {MAX_PIXELS // 10**6} million pixels, {name} has {width}x{height}."
        )
    return decode_image(content, name)


def _size(content: bytes, name: str) -> tuple[int, int]:
    """The size (width, height) in the header. A small file can have a picture that fills memory."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"Expected at most {MAX_PIXELS // 10**6} million pixels, {name} has far more."
        ) from error
    except (OSError, ValueError, SyntaxError) as error:  # as Pillow's readers of formats fail
        raise ImageError(
            f"Cannot read {name} as an image: damaged, or none of {', '.join(FORMATS)}."
        ) from error
