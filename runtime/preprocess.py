"""From a user's image to the uint8 RGB pixels of the network's input."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ImageError
from tfl_depth.image_decoder import decode

if TYPE_CHECKING:
    import PIL.Image

Pixels = npt.NDArray[np.uint8]
# RGB as in an INT8 network's input: the pixel minus 128.
Codes = npt.NDArray[np.int8]
# What `DepthRunner.infer` takes.
AnyImage: TypeAlias = "str | os.PathLike[str] | PIL.Image.Image | npt.NDArray[np.uint8]"
# The order of the colors.
Channels = Literal["bgr", "rgb"]
# A uint8 byte with this bit flipped is the int8 value 128 below it.
SIGN_BIT = np.uint8(128)
# Endings of image files in folders. A single file may have any format of OpenCV.
IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


def load_pixels(image: AnyImage, channels: Channels) -> tuple[Pixels, Channels]:
    """Get an image's pixels. A suitable array is not copied.

    Args:
        image: a path (str or os.PathLike), a PIL image, or a uint8 array: (H, W, 3), (H, W, 4) with
            an alpha channel that is ignored, or gray (H, W) or (H, W, 1).
        channels: the order of colors in an array. Files and PIL images define their own order.

    Returns:
        Pixels, (H, W, 3) or (H, W) uint8, and their order of colors.

    Raises:
        ImageError: the file cannot be read, or the array is empty or of another dtype or shape.
    """
    # Arrays first: they come from cameras, and the check for a path takes longer.
    if isinstance(image, np.ndarray):
        plain = image if type(image) is np.ndarray else np.asarray(image)
        return _in_rows(_without_alpha(_checked(plain))), channels
    if isinstance(image, (str, os.PathLike)):
        return read_image(Path(image)), "bgr"
    if hasattr(image, "convert") and hasattr(image, "getexif"):
        return _from_pil(image), "rgb"
    raise ImageError(
        "Expected an image as a path, a PIL image or a uint8 array (H, W, 3), got "
        f"{type(image).__name__}."
    )


def read_image(path: Path) -> Pixels:
    """Read an image file as (H, W, 3) uint8 BGR, rotated by its EXIF orientation.

    Raises:
        ImageError: the file is missing, damaged, not an image, or has more than 8 bits a channel.
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
        name: of the file in errors.

    Raises:
        ImageError: the file is damaged, not an image, or has more than 8 bits a channel.
    """
    # Keep all bits: an image of 16 bits may be a depth map, and is refused below.
    pixels = decode(content, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        raise ImageError(
            f"Cannot read {name} as an image: it is damaged, or OpenCV does not support the format."
        )
    if pixels.dtype != np.uint8:
        raise ImageError(
            f"Expected {name} to have pixels of dtype uint8, 0 to 255, got {pixels.dtype}. Is it "
            "a depth map?"
        )
    return np.asarray(pixels, np.uint8)


def _from_pil(image: Any) -> Pixels:
    from PIL import ImageOps

    if image.mode[0] in "IF":
        raise ImageError(
            f"Expected a PIL image of 8 bits a channel, got mode {image.mode}. Convert it "
            "first: the scale of its values is unknown."
        )
    _expect_whole_jpeg(image)
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "P":  # PIL warns when it converts a palette to RGB
            upright = upright.convert("RGBA")
        return _checked(np.asarray(upright.convert("RGB")))
    except ImageError:
        raise
    # PIL reads the file only now. Each of its readers raises errors of other classes.
    except Exception as error:
        raise ImageError(f"Cannot read the PIL image: {error}.") from error


def _expect_whole_jpeg(image: Any) -> None:
    """Refuse a damaged JPEG that PIL has not decoded yet. PIL hides its decoder's warnings.

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
    except (OSError, ValueError):  # the file is closed, or can be read only once
        return
    if decode(content, cv2.IMREAD_REDUCED_GRAYSCALE_8) is None:
        raise ImageError("Cannot read the PIL image: the JPEG is damaged. Copy the file again.")


def _checked(pixels: npt.NDArray[Any]) -> Pixels:
    if pixels.dtype != np.uint8:
        raise ImageError(
            f"Expected an image of dtype uint8, pixels 0 to 255, got {pixels.dtype}. Convert it "
            "first: the scale of its values is unknown."
        )
    gray, color = pixels.ndim == 2, pixels.ndim == 3 and pixels.shape[-1] in (1, 3, 4)
    if not (gray or color):
        raise ImageError(
            f"Expected an image of shape (H, W, 3), (H, W, 4) or (H, W), got {pixels.shape}."
        )
    if pixels.size == 0:
        raise ImageError(f"Expected an image with pixels, got shape {pixels.shape}.")
    return pixels


def _without_alpha(pixels: Pixels) -> Pixels:
    """Return (H, W, 3) or (H, W) of an image that may have an alpha channel or one gray channel."""
    if pixels.ndim == 2 or pixels.shape[-1] == 3:
        return pixels
    if pixels.shape[-1] == 1:
        return pixels[..., 0]
    return np.ascontiguousarray(pixels[..., :3])


def _in_rows(pixels: Pixels) -> Pixels:
    """Return the array if OpenCV can read its memory (whole rows), or a copy."""
    if pixels.flags.c_contiguous:
        return pixels
    # OpenCV copies most other arrays itself, but misreads a column that is broadcast.
    if pixels[0].flags.c_contiguous and pixels.strides[0] >= pixels[0].nbytes:
        return pixels
    return np.ascontiguousarray(pixels)


def write_input(pixels: Pixels | Codes, channels: Channels, out: npt.NDArray[Any]) -> None:
    """Write pixels as RGB into the network's input, or into an array that is copied there later.

    Args:
        pixels: (height, width, 3) or (height, width) uint8; or int8 from an earlier call.
        channels: the order of colors in `pixels`.
        out: (height, width, 3), C-contiguous. int8 gets pixels minus 128; uint8 and float32 get
            the pixels themselves.
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
    """Subtract 128 by flipping the highest bit."""
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
    """Copy an array without releasing the interpreter lock, if possible."""
    if pixels.flags.c_contiguous:
        # numpy's copy releases the interpreter lock. In a stream, other threads take it at once,
        # and getting it back took several times as long as the copy, before every invoke.
        out.data.cast("B")[:] = pixels.data.cast("B")
    else:
        np.copyto(out, pixels)


def resize_pixels(pixels: Pixels, size: tuple[int, int], out: Pixels | None = None) -> Pixels:
    """Resize (H, W, 3) or (H, W) uint8 pixels to `size` = (height, width), into `out` if given.

    An image of another aspect ratio is stretched. Along each axis, shrinking averages over the area
    (no aliasing) and enlarging is bilinear. Training, calibration and the runtime all use this
    function, so the network sees the same pixels on the board as in training.
    """
    height, width = size
    rows, columns = pixels.shape[:2]
    if (rows - height) * (columns - width) < 0:
        # One side shrinks and the other grows: OpenCV would average along neither side.
        between = (min(height, rows), min(width, columns))
        pixels = _resize(pixels, between, None, cv2.INTER_AREA)
    shrink = rows >= height and columns >= width
    return _resize(pixels, size, out, cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)


def _resize(pixels: Pixels, size: tuple[int, int], out: Pixels | None, method: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, size[::-1], out, 0, 0, method), np.uint8)
