"""Readers of depth files: float32 meters, 0 = no reading.

In a PNG of 16 bits, 0 and the largest value, 65535, mean "no reading" for every unit: sensors and
datasets write them.
"""

from __future__ import annotations

import importlib.util
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import DatasetError
from tfl_depth.image_decoder import decode

Meters = npt.NDArray[np.float32]
# The value for "no reading" beside 0, by bits per pixel. In 8 bits 255 is a depth.
MARKS = {8: None, 16: 65535}
IMAGES_OF_METERS = (".exr", ".tif", ".tiff")
ARRAYS_OF_METERS = (".npy", ".npz")
# The errors of numpy, which evaluates the header of an array as Python, and of ZIP archives.
ARRAY_ERRORS = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    SyntaxError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
# The channel names of depth, after the name of a layer: Z in OpenEXR, V in Blender.
EXR_DEPTH_NAMES = ("z", "v", "y", "depth")


class Reading(NamedTuple):
    """The content of a depth file.

    Attributes:
        depth_m: (H, W) float32 meters, 0 = no reading.
        marked: how many pixels had another mark of "no reading" than 0, such as 65535 or NaN.
    """

    depth_m: Meters
    marked: int


def read_png(
    path: Path, *, per_meter: float, bits: int = 16, missing_from: int | None = None
) -> Reading:
    """Read a PNG of one channel.

    Args:
        path: the file.
        per_meter: stored units in a meter.
        bits: 8 or 16 per pixel.
        missing_from: stored values of at least this mean "no reading", like 0; None: only the
            largest value of 16 bits.

    Raises:
        DatasetError: not an image, or an image of another kind.
    """
    stored = _read_image(path)
    if stored.dtype != np.dtype(f"uint{bits}") or stored.ndim != 2:
        raise DatasetError(
            f"expected its depth as a uint{bits} PNG of one channel, "
            f"got {stored.dtype} of {stored.shape}"
        )
    first = MARKS[bits] if missing_from is None else missing_from
    marked = np.zeros(stored.shape, bool) if first is None else stored >= first
    meters = np.asarray(np.where(marked, 0, stored) / per_meter, np.float32)
    return Reading(meters, int(marked.sum()))


def read_meters(path: Path) -> Reading:
    """Read a .npy, .npz, EXR or TIFF file of floating-point meters.

    Values that are not finite or below 0 mean "no reading".

    Raises:
        DatasetError: unreadable, not floating-point, or not (H, W) or (H, W, 1).
    """
    suffix = path.suffix.lower()
    read = (
        _read_array
        if suffix in ARRAYS_OF_METERS
        else _read_exr
        if suffix == ".exr"
        else _read_image
    )
    values = read(path)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    # The unit of whole numbers is unknown: millimeters or another one.
    if not np.issubdtype(values.dtype, np.floating) or values.ndim != 2:
        raise DatasetError(
            "expected its depth as floating-point meters of (H, W), "
            f"got {values.dtype} of {values.shape}"
        )
    meters = values.astype(np.float32)
    marked = ~(np.isfinite(meters) & (meters >= 0))
    return Reading(np.where(marked, np.float32(0), meters), int(marked.sum()))


def read_masked_meters(path: Path) -> Reading:
    """Like `read_meters`, with a mask: X_depth.npy has X_depth_mask.npy, 1 = a reading.

    Raises:
        DatasetError: as `read_meters`, for either file, or a mask of another shape.
    """
    meters, marked = read_meters(path)
    mask = _read_array(path.with_name(f"{path.stem}_mask.npy"))
    if mask.shape != meters.shape:
        raise DatasetError(f"expected its mask as {meters.shape}, got {mask.shape}")
    return Reading(np.where(mask == 1, meters, np.float32(0)), marked)


def require_exr_reader(paths: Iterable[Path]) -> None:
    """If there are EXR files, check once that they can be read.

    OpenCV's reader of EXR is disabled by default, and its wheels do not contain it.

    Raises:
        DatasetError: there are EXR files, and the package OpenEXR is not installed.
    """
    exr = next((path for path in paths if path.suffix.lower() == ".exr"), None)
    if exr is not None and importlib.util.find_spec("OpenEXR") is None:
        raise DatasetError(
            f"Cannot read {exr}: the package OpenEXR is not installed. Install it "
            "(pip install OpenEXR), or convert the depth to .npy or float TIFF."
        )


def _read_exr(path: Path) -> npt.NDArray[Any]:
    import OpenEXR

    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {name: channel.pixels for name, channel in file.channels().items()}
    except RuntimeError as error:
        raise DatasetError("its depth image is unreadable") from error
    return _depth_channel(channels)


def _depth_channel(channels: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The only channel, the only channel with a name for depth, or equal R, G and B."""
    named = [name for name in channels if name.rpartition(".")[2].lower() in EXR_DEPTH_NAMES]
    if len(channels) == 1 or len(named) == 1:
        return channels[named[0] if named else next(iter(channels))]
    if set(channels) == set("RGB") and all(
        np.array_equal(channels["R"], channels[c]) for c in "GB"
    ):
        return channels["R"]
    raise DatasetError(
        "expected an EXR with one channel, or one called Z, V, Y or depth, got "
        + (", ".join(sorted(channels)) or "none")
    )


def _read_array(path: Path) -> npt.NDArray[Any]:
    try:
        # Opened here, since np.load leaves the file open after an error.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else _only_array(loaded)
    except FileNotFoundError as error:
        raise DatasetError(f"its {path.name} is missing") from error
    except ARRAY_ERRORS as error:
        raise DatasetError(f"its {path.name} is unreadable") from error


def _only_array(archive: Any) -> npt.NDArray[Any]:
    names = archive.files
    if "depth" not in names and len(names) != 1:
        raise DatasetError(
            f"expected one array, or one called depth, got {', '.join(names) or 'none'}"
        )
    return np.asarray(archive["depth" if "depth" in names else names[0]])


def _read_image(path: Path) -> npt.NDArray[Any]:
    try:
        stored = decode(path.read_bytes(), cv2.IMREAD_UNCHANGED)
    except OSError as error:
        raise DatasetError(f"its depth image is unreadable ({error.strerror})") from error
    if stored is None:
        raise DatasetError("its depth image is damaged, or OpenCV does not support its format")
    return stored


_READERS = {**dict.fromkeys(ARRAYS_OF_METERS, _read_array), ".exr": _read_exr}
