"""Datasets in the layout `rgb/NAME.jpg`, `depth/NAME.png` (uint16, millimetres), `SPLIT.txt`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.data.samples import Intrinsics, Sample
from tfl_depth.errors import DatasetError


@dataclass(frozen=True)
class Dataset:
    """What the field's protocol fixes for a dataset.

    Attributes:
        min_depth_m, max_depth_m: readings outside are not valid (open interval).
        crop: (top, bottom, left, right) rows and columns that are evaluated, or None for all.
        train_crop: the same for training, where only the sensor's border is left out.
        invalid_mm: readings at or above mark a missing measurement.
        intrinsics: of the RGB camera.
    """

    name: str
    min_depth_m: float
    max_depth_m: float
    crop: tuple[int, int, int, int] | None
    train_crop: tuple[int, int, int, int] | None
    invalid_mm: int
    intrinsics: Intrinsics


DATASETS = {
    # Eigen crop and 1e-3 - 10 m: Eigen et al., NIPS 2014. The images have a white border of 8 px.
    "nyuv2": Dataset(
        "nyuv2",
        1e-3,
        10.0,
        (45, 471, 41, 601),
        (9, 471, 9, 631),
        65535,
        Intrinsics(518.86, 519.47, 325.58, 253.74),
    ),
    # 7-Scenes marks missing depth with 65535; its Kinect gives nothing nearer than 0.3 m.
    "redkitchen": Dataset(
        "redkitchen", 0.3, 15.0, None, None, 60000, Intrinsics(585.0, 585.0, 320.0, 240.0)
    ),
}


def load_split(
    dataset: str, folder: str | Path, split: str, *, for_training: bool = False
) -> list[Sample]:
    """Read one split into memory (about 1.8 MB a frame of 640x480).

    Args:
        dataset: a name in `DATASETS`.
        folder: holds `rgb/`, `depth/` and `{split}.txt` with one frame name a line.
        split: name of the split, for instance "train".
        for_training: mark valid all but the sensor's border, not the evaluation crop.

    Raises:
        DatasetError: unknown dataset, missing split list, or a frame that cannot be read.
    """
    if dataset not in DATASETS:
        raise DatasetError(
            f"Expected `dataset` to be one of {', '.join(DATASETS)}, got {dataset!r}."
        )
    spec = DATASETS[dataset]
    root = Path(folder)
    names = _split_names(root / f"{split}.txt")
    crop = spec.train_crop if for_training else spec.crop
    return [_read_frame(root, name, spec, crop) for name in names]


def _split_names(path: Path) -> list[str]:
    try:
        names = path.read_text(encoding="utf-8").split()
    except OSError as error:
        raise DatasetError(f"Cannot read the split list {path}: {error.strerror}.") from error
    if not names:
        raise DatasetError(f"The split list {path} names no frame.")
    return names


def _read_frame(
    root: Path, name: str, spec: Dataset, crop: tuple[int, int, int, int] | None
) -> Sample:
    bgr = cv2.imread(str(root / "rgb" / f"{name}.jpg"), cv2.IMREAD_COLOR)
    depth_mm = cv2.imread(str(root / "depth" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    if bgr is None or depth_mm is None:
        missing = "rgb" if bgr is None else "depth"
        raise DatasetError(f"Frame {name} of {root}: its {missing} image is missing or unreadable.")
    if depth_mm.dtype != np.uint16 or depth_mm.shape != bgr.shape[:2]:
        raise DatasetError(
            f"Frame {name} of {root}: expected depth as a uint16 PNG of {bgr.shape[:2]}, "
            f"got {depth_mm.dtype} of {depth_mm.shape}."
        )
    present_mm = np.where(depth_mm < spec.invalid_mm, depth_mm, 0)
    depth_m = np.asarray(present_mm / 1000, np.float32)
    rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
    return Sample(name, rgb, depth_m, _valid(depth_m, spec, crop), spec.intrinsics)


def _valid(
    depth_m: npt.NDArray[np.float32], spec: Dataset, crop: tuple[int, int, int, int] | None
) -> npt.NDArray[np.bool_]:
    valid = (depth_m > spec.min_depth_m) & (depth_m < spec.max_depth_m)
    if crop is not None:
        top, bottom, left, right = crop
        inside = np.zeros_like(valid)
        inside[top:bottom, left:right] = True
        valid &= inside
    return valid
