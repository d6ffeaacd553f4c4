"""The datasets by name: their usual evaluation protocols, and their layouts on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tfl_depth.choices import expect_choice
from tfl_depth.data import diode, kitti, nyu, seven_scenes, tum
from tfl_depth.data.crops import KITTI_EIGEN, KITTI_GARG, NYU_BORDER, NYU_EIGEN, Crop
from tfl_depth.data.flat import flat
from tfl_depth.data.folders import folders
from tfl_depth.data.frames import FrameReader, Frames, each_whole
from tfl_depth.data.pairs import Layout, Pair
from tfl_depth.data.registration import Registration
from tfl_depth.data.samples import Sample
from tfl_depth.errors import DatasetError
from tfl_depth.intrinsics import Intrinsics

DatasetName = Literal[
    "nyuv2",
    "7scenes",
    "redkitchen",
    "tum",
    "kitti",
    "kitti-eigen-crop",
    "diode",
    "pairs",
    "pairs-256",
]


@dataclass(frozen=True)
class Dataset:
    """A dataset and its usual evaluation protocol.

    Attributes:
        layouts: its layouts on disk. The first that fits the folder is used.
        min_depth_m, max_depth_m: readings outside are not valid (open interval).
        crop: the evaluated part of the image, or None for all.
        train_crop: the part for training: without the sensor's border.
        intrinsics: of the RGB camera, if one camera took all images.
        camera_size: (height, width) of the images that `intrinsics` are for.
        registration: from the depth camera to the RGB camera, if depth is not registered on disk.
    """

    name: DatasetName
    layouts: tuple[Layout, ...]
    min_depth_m: float
    max_depth_m: float
    crop: Crop | None = None
    train_crop: Crop | None = None
    intrinsics: Intrinsics | None = None
    camera_size: tuple[int, int] | None = None
    registration: Registration | None = None


# 1e-3 - 10 m: Eigen et al., NIPS 2014. The camera is that of the dataset's toolbox.
_NYU = Dataset(
    "nyuv2",
    (flat(missing_from_mm=65535), nyu.LISTED, nyu.EXTRACTED),
    1e-3,
    10.0,
    NYU_EIGEN,
    NYU_BORDER,
    Intrinsics(518.86, 519.47, 325.58, 253.74),
    camera_size=(480, 640),
)
# The depth camera is the published one. The RGB camera and its pose were fitted to the edges of
# RedKitchen (docs/decisions/003).
_KINECT_RGB = Intrinsics(526.2, 526.2, 320.0, 240.0)
_KINECT = Registration(
    height=480,
    width=640,
    depth_camera=Intrinsics(585.0, 585.0, 320.0, 240.0),
    rgb_camera=_KINECT_RGB,
    rotation_rad=(0.0061, 0.0001, 0.0080),
    translation_m=(-0.0254, 0.0044, 0.0019),
)
# Its Kinect measures nothing nearer than 0.3 m.
_SEVEN_SCENES = Dataset(
    "7scenes",
    (flat(missing_from_mm=seven_scenes.MISSING_FROM_MM), seven_scenes.SEQUENCES),
    0.3,
    15.0,
    intrinsics=_KINECT_RGB,
    camera_size=(480, 640),
    registration=_KINECT,
)
# 1e-3 - 80 m: Eigen et al. Papers use the crop of Garg et al. unless they name another one.
_KITTI = Dataset("kitti", (kitti.ANNOTATED, kitti.SELECTED, kitti.LISTED), 1e-3, 80.0, KITTI_GARG)
# Kinects too. No protocol has a range.
_TUM = Dataset("tum", (tum.TUM,), 1e-3, 10.0)
# The range of its laser scanner, and the camera of all its rendered images.
_DIODE = Dataset(
    "diode",
    (diode.DIODE,),
    0.6,
    350.0,
    intrinsics=Intrinsics(886.81, 927.06, 512.0, 384.0),
    camera_size=(768, 1024),
)
# The user's own data: every positive depth counts, up to the range of the best sensors.
_PAIRS = Dataset("pairs", (folders(png_per_meter=1000),), 0.0, 1000.0)

DATASETS: dict[DatasetName, Dataset] = {
    dataset.name: dataset
    for dataset in (
        _NYU,
        _SEVEN_SCENES,
        replace(_SEVEN_SCENES, name="redkitchen"),
        _TUM,
        _KITTI,
        replace(_KITTI, name="kitti-eigen-crop", crop=KITTI_EIGEN),
        _DIODE,
        _PAIRS,
        replace(_PAIRS, name="pairs-256", layouts=(folders(png_per_meter=256),)),
    )
}


def load_split(
    dataset: DatasetName,
    folder: str | Path,
    split: str,
    *,
    for_training: bool = False,
    skip_broken: bool = False,
) -> list[Sample]:
    """Read one split into memory (about 2.5 MB a frame of 640x480).

    Args:
        dataset: a name in `DATASETS`.
        folder: the dataset, in one of its layouts.
        split: name of the split, for instance "train".
        for_training: mark everything valid except the sensor's border, not the evaluation crop.
        skip_broken: skip broken pairs, with a warning that counts and names them.

    Raises:
        DatasetError: unknown dataset, a folder without the split in any layout, or broken pairs:
            a file is missing, unreadable or not of the layout's kind and its partner's size, or
            no depth is valid. It counts all of them and names the first.
    """
    pairs, read = _split(dataset, Path(folder), split, for_training)
    return each_whole(pairs, read, Path(folder), skip_broken=skip_broken)


def open_split(
    dataset: DatasetName,
    folder: str | Path,
    split: str,
    *,
    for_training: bool = False,
    skip_broken: bool = False,
) -> Frames:
    """Like `load_split`, for a split that does not fit into memory: frames are read on access.

    Every pair is read once here, to find broken pairs now and not in the middle of a run.

    Raises:
        DatasetError: as `load_split`.
    """
    pairs, read = _split(dataset, Path(folder), split, for_training)

    def checked(pair: Pair) -> Pair:
        read(pair)
        return pair

    return Frames(each_whole(pairs, checked, Path(folder), skip_broken=skip_broken), read)


def photos(dataset: DatasetName, folder: str | Path, split: str) -> list[Path]:
    """The paths of the photos of a split, for a calibration.

    Raises:
        DatasetError: unknown dataset, or a folder without the split in any layout.
    """
    return [pair.rgb for pair in _split(dataset, Path(folder), split, False)[0]]


def _split(
    dataset: DatasetName, folder: Path, split: str, for_training: bool
) -> tuple[Sequence[Pair], FrameReader]:
    expect_choice("dataset", dataset, DatasetName, DatasetError)
    spec = DATASETS[dataset]
    crop = spec.train_crop if for_training else spec.crop
    read = FrameReader(
        spec.min_depth_m,
        spec.max_depth_m,
        crop,
        spec.intrinsics,
        spec.camera_size,
        spec.registration,
    )
    return _find(spec, folder, split), read


def _find(spec: Dataset, folder: Path, split: str) -> list[Pair]:
    for layout in spec.layouts:
        pairs = layout.find(folder, split)
        if pairs is None:
            continue
        if not pairs:
            raise DatasetError(f"The split {split!r} of {spec.name} in {folder} names no frame.")
        return pairs
    expected = "; or ".join(layout.expects.replace("SPLIT", split) for layout in spec.layouts)
    raise DatasetError(
        f"There is no split {split!r} of {spec.name} in {folder}. Expected {expected}."
    )
