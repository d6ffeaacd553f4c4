"""Depth files of every kind, read as float32 metres with 0 where there is no reading."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import DatasetError

Metres = npt.NDArray[np.float32]
IMAGES_OF_METRES = (".exr", ".tif", ".tiff")
ARRAYS_OF_METRES = (".npy", ".npz")


def read_png(
    path: Path, *, per_metre: float, bits: int = 16, missing_from: int | None = None
) -> Metres:
    """Read a PNG of one channel.

    Args:
        path: the file.
        per_metre: stored units in a metre.
        bits: 8 or 16 a pixel.
        missing_from: stored values from here on mean no reading, as 0 always does.

    Returns:
        (H, W) float32 metres, 0 = no reading.

    Raises:
        DatasetError: not an image, or one of another kind.
    """
    stored = _read_image(path)
    if stored.dtype != np.dtype(f"uint{bits}") or stored.ndim != 2:
        raise DatasetError(
            f"expected its depth as a uint{bits} PNG of one channel, "
            f"got {stored.dtype} of {stored.shape}"
        )
    if missing_from is not None:
        stored = np.where(stored < missing_from, stored, 0)
    return np.asarray(stored / per_metre, np.float32)


def read_metres(path: Path) -> Metres:
    """Read a .npy, .npz, EXR or TIFF file of floating-point metres.

    Returns:
        (H, W) float32 metres; what is not finite or not positive in the file is 0, no reading.

    Raises:
        DatasetError: unreadable, not floating-point, or not (H, W) or (H, W, 1).
    """
    values = _read_array(path) if path.suffix.lower() in ARRAYS_OF_METRES else _read_image(path)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    # Whole numbers would be millimetres, or something else: nothing here says which.
    if not np.issubdtype(values.dtype, np.floating) or values.ndim != 2:
        raise DatasetError(
            "expected its depth as floating-point metres of (H, W), "
            f"got {values.dtype} of {values.shape}"
        )
    metres = values.astype(np.float32)
    return np.where(np.isfinite(metres) & (metres > 0), metres, np.float32(0))


def read_masked_metres(path: Path) -> Metres:
    """As `read_metres`, with a mask beside it: X_depth.npy has X_depth_mask.npy, 1 = a reading.

    Raises:
        DatasetError: as `read_metres`, for either file, or a mask of another shape.
    """
    metres = read_metres(path)
    mask = _read_array(path.with_name(f"{path.stem}_mask.npy"))
    if mask.shape != metres.shape:
        raise DatasetError(f"expected its mask as {metres.shape}, got {mask.shape}")
    return np.where(mask == 1, metres, np.float32(0))


def require_codecs(paths: Iterable[Path]) -> None:
    """Check once that this OpenCV reads what is there, not anew for every file.

    Raises:
        DatasetError: there are EXR files, and OpenCV was built without them.
    """
    exr = next((path for path in paths if path.suffix.lower() == ".exr"), None)
    if exr is None:
        return
    # OpenCV asks for this word, once, when the codec is first used.
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    try:
        built_in = cv2.haveImageWriter(".exr")
    except cv2.error:  # built in, and the variable forbids it
        built_in = False
    if not built_in:
        raise DatasetError(
            f"Cannot read {exr}: this OpenCV ({cv2.__version__}) is built without OpenEXR, or "
            "OPENCV_IO_ENABLE_OPENEXR forbids it. Install one with it (opencv-python-headless 4 "
            "has it), or convert the depth to .npy or float TIFF."
        )


def _read_array(path: Path) -> npt.NDArray[Any]:
    try:
        # Opened here: np.load leaves the file open where it gives up.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else _only_array(loaded)
    except FileNotFoundError as error:
        raise DatasetError(f"its {path.name} is missing") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"its {path.name} is unreadable") from error


def _only_array(archive: Any) -> npt.NDArray[Any]:
    names = archive.files
    if "depth" not in names and len(names) != 1:
        raise DatasetError(
            f"expected one array, or one called depth, got {', '.join(names) or 'none'}"
        )
    return np.asarray(archive["depth" if "depth" in names else names[0]])


def _read_image(path: Path) -> npt.NDArray[Any]:
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if stored is None:
        raise DatasetError("its depth image is unreadable")
    return np.asarray(stored)
