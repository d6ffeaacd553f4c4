"""From whatever the user has to the uint8 RGB pixels that the network takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ImageError
from tfl_depth.image_decoder import decode

Pixels = npt.NDArray[np.uint8]
# RGB as an INT8 network's input holds it: 128 less than the pixel.
Codes = npt.NDArray[np.int8]
Channels = Literal["bgr", "rgb"]
CHANNELS = ("bgr", "rgb")
# Between a byte as uint8 and as int8, 128 less.
SIGN_BIT = np.uint8(128)
# Files that are looked for in folders; any that OpenCV knows can be named.
IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def load_pixels(image: Any, channels: Channels) -> tuple[Pixels, Channels]:
    """Get an image's pixels, without copying an array that is fit.

    Args:
        image: a path (str or os.PathLike), a PIL image, or a uint8 array, (H, W, 3) or gray (H, W).
        channels: the order in an array; paths and PIL images know their own.

    Returns:
        Pixels, (H, W, 3) or (H, W) uint8, and the order they are in.

    Raises:
        ImageError: a file that cannot be read, or an array of another dtype or shape, or empty.
    """
    if channels not in CHANNELS:
        raise ImageError(f"Expected `channels` to be 'bgr' or 'rgb', got {channels!r}.")
    # First of all what a camera gives: whether it is a path takes longer to tell.
    if isinstance(image, np.ndarray):
        plain = image if type(image) is np.ndarray else np.asarray(image)
        return _in_rows(_checked(plain)), channels
    if isinstance(image, (str, os.PathLike)):
        return read_image(Path(image)), "bgr"
    if hasattr(image, "convert") and hasattr(image, "getexif"):
        return _from_pil(image), "rgb"
    raise ImageError(
        "Expected an image as a path, a PIL image or a uint8 array (H, W, 3), got "
        f"{type(image).__name__}."
    )


def read_image(path: Path) -> Pixels:
    """Read an image file as (H, W, 3) uint8 BGR, turned as its EXIF says.

    Raises:
        ImageError: it is missing, damaged, not an image, or deeper than 8 bits.
    """
    try:
        if not path.is_file():
            raise ImageError(f"There is no image file {path}.")
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"Cannot read {path}: {error.strerror}.") from error
    return decode_image(content, str(path))


def decode_image(content: bytes, name: str) -> Pixels:
    """Decode an image file's content, as `read_image` does.

    Args:
        content: of the file.
        name: what errors call it.

    Raises:
        ImageError: it is damaged, not an image, or deeper than 8 bits.
    """
    # Any depth: 16 bits, a depth map perhaps, are refused below and not cut to 8.
    pixels = decode(content, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        raise ImageError(
            f"Cannot read {name} as an image: damaged, or no format that OpenCV knows."
        )
    if pixels.dtype != np.uint8:
        raise ImageError(
            f"Expected {name} to hold pixels of dtype uint8, 0 to 255, got {pixels.dtype}: a depth "
            "map is no photo."
        )
    return np.asarray(pixels, np.uint8)


def _from_pil(image: Any) -> Pixels:
    from PIL import ImageOps

    if image.mode[0] in "IF":
        raise ImageError(
            f"Expected a PIL image of 8 bits a channel, got mode {image.mode}. Convert it "
            "yourself: only you know what its values mean."
        )
    _expect_whole_jpeg(image)
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "P":  # which PIL does not take to RGB without a warning
            upright = upright.convert("RGBA")
        return _checked(np.asarray(upright.convert("RGB")))
    except ImageError:
        raise
    # PIL reads files late, and each of its readers fails in ways of its own, as that of EXIF.
    except Exception as error:
        raise ImageError(f"Cannot read the PIL image: {error}.") from error


def _expect_whole_jpeg(image: Any) -> None:
    """Refuse a damaged JPEG that PIL has not decoded yet: PIL drops its decoder's warnings.

    Raises:
        ImageError: it is damaged.
    """
    file = getattr(image, "fp", None)
    if file is None or image.format not in ("JPEG", "MPO"):
        return
    try:
        place = file.tell()
        file.seek(0)
        content = file.read()
        file.seek(place)
    except (OSError, ValueError):  # it is closed, or can be read once only
        return
    if decode(content, cv2.IMREAD_REDUCED_GRAYSCALE_8) is None:
        raise ImageError("Cannot read the PIL image: the JPEG is damaged. Copy the file again.")


def _checked(pixels: npt.NDArray[Any]) -> Pixels:
    if pixels.dtype != np.uint8:
        raise ImageError(
            f"Expected an image of dtype uint8, pixels 0 to 255, got {pixels.dtype}. Convert it "
            "yourself: only you know what its values mean."
        )
    gray, color = pixels.ndim == 2, pixels.ndim == 3 and pixels.shape[-1] == 3
    if not (gray or color):
        raise ImageError(f"Expected an image of shape (H, W, 3) or (H, W), got {pixels.shape}.")
    if pixels.size == 0:
        raise ImageError(f"Expected an image with pixels, got shape {pixels.shape}.")
    return pixels


def _in_rows(pixels: Pixels) -> Pixels:
    """The array itself where OpenCV reads it as it lies: whole rows, if need be apart."""
    if pixels.flags.c_contiguous:
        return pixels
    # OpenCV copies most others itself, but misreads one column of a row that is repeated.
    if pixels[0].flags.c_contiguous and pixels.strides[0] >= pixels[0].nbytes:
        return pixels
    return np.ascontiguousarray(pixels)


def write_input(pixels: Pixels | Codes, channels: Channels, out: npt.NDArray[Any]) -> None:
    """Write pixels, as RGB, into the network's input, or into an array that is copied there later.

    Args:
        pixels: (height, width, 3) or (height, width) uint8; or int8, what an earlier call wrote.
        channels: the order of `pixels`.
        out: (height, width, 3), C-contiguous: int8 for pixels less 128; uint8 or float32 for pixels
            as they are.
    """
    if out.dtype == np.int8:
        _write_codes(pixels, channels, out)
    elif out.dtype == np.uint8:
        _write_rgb(np.asarray(pixels, np.uint8), channels, out)
    else:
        rgb = np.empty(out.shape, np.uint8)
        _write_rgb(np.asarray(pixels, np.uint8), channels, rgb)
        np.copyto(out, rgb)


def _write_codes(pixels: Pixels | Codes, channels: Channels, out: Codes) -> None:
    """128 less is the highest bit flipped."""
    as_bytes = out.view(np.uint8)
    if pixels.dtype == np.int8:
        _copy(pixels.view(np.uint8), as_bytes)
    elif channels == "rgb" and pixels.ndim == 3:
        np.bitwise_xor(pixels, SIGN_BIT, out=as_bytes)
    else:
        _write_rgb(np.asarray(pixels, np.uint8), channels, as_bytes)
        np.bitwise_xor(as_bytes, SIGN_BIT, out=as_bytes)


def _write_rgb(pixels: Pixels, channels: Channels, out: Pixels) -> None:
    if pixels.ndim == 2:
        cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB, out)
    elif channels == "bgr":
        cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, out)
    else:
        _copy(pixels, out)


def _copy(pixels: Pixels, out: Pixels) -> None:
    """Copy what is in order, so that no other thread runs meanwhile if that can be."""
    if pixels.flags.c_contiguous:
        # numpy gives up the interpreter lock for it, and in a stream the other threads want it
        # just then: to get it back took several times as long as the copy, before every invoke.
        out.data.cast("B")[:] = pixels.data.cast("B")
    else:
        np.copyto(out, pixels)


def resize_pixels(pixels: Pixels, size: tuple[int, int], out: Pixels | None = None) -> Pixels:
    """Resize (H, W, 3) or (H, W) uint8 pixels to `size` = (height, width), into `out` if given.

    A picture of another aspect is stretched. Along each axis shrinking averages over the area (no
    aliasing) and enlarging is bilinear. Training, calibration and the runtime all come through
    here: the network sees on the board what it was trained on.
    """
    height, width = size
    rows, columns = pixels.shape[:2]
    if (rows - height) * (columns - width) < 0:
        # One side shrinks and the other grows: OpenCV would average along neither.
        between = (min(height, rows), min(width, columns))
        pixels = _resize(pixels, between, None, cv2.INTER_AREA)
    shrink = rows >= height and columns >= width
    return _resize(pixels, size, out, cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)


def _resize(pixels: Pixels, size: tuple[int, int], out: Pixels | None, method: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, size[::-1], out, 0, 0, method), np.uint8)
