"""KITTI depth: uint16 PNG, 256 = 1 m, 0 = no reading, after the devkit of the depth benchmark.

- As published (Uhrig et al., 3DV 2017): SPLIT/DRIVE/proj_depth/groundtruth/image_02/FRAME.png,
  with the raw recordings (Geiger et al., IJRR 2013) beside it: DATE/DRIVE/image_02/data/FRAME.png.
- A list, such as the common ones for the split of Eigen et al.: SPLIT.txt with lines of photo,
  depth (`None` if there is none) and the focal length.
- The selected validation set: image/, groundtruth_depth/ and intrinsics/.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tfl_depth.data.depth_files import read_png
from tfl_depth.data.pairs import Layout, Pair, frame_name, read_rows, split_folder
from tfl_depth.errors import DatasetError
from tfl_depth.intrinsics import Intrinsics

_read = partial(read_png, per_meter=256)
_DATE = len("2011_09_26")


def _find_annotated(folder: Path, split: str) -> list[Pair] | None:
    depths = sorted((folder / split).glob("*/proj_depth/groundtruth/image_0[23]/*.png"))
    if not depths:
        return None
    cameras = _Cameras(folder)
    pairs = []
    for depth in depths:
        drive, camera = depth.parents[3].name, depth.parent.name
        photos = folder / drive[:_DATE] / drive / camera / "data"
        rgb = photos / depth.name
        if not rgb.is_file() and rgb.with_suffix(".jpg").is_file():
            rgb = rgb.with_suffix(".jpg")  # the recordings shrink tenfold as JPEG
        name = f"{drive}_{camera}_{depth.stem}"
        pairs.append(Pair(name, rgb, depth, _read, cameras.of(drive, camera)))
    return pairs


def _find_listed(folder: Path, split: str) -> list[Pair] | None:
    names = folder / f"{split}.txt"
    if not names.is_file():
        return None
    cameras = _Cameras(folder)
    pairs = []
    for row in read_rows(names):
        if len(row) not in (2, 3):
            raise DatasetError(f"Expected photo, depth and focal length in {names}, got {row}.")
        if row[1] == "None":  # a photo that has no annotated depth
            continue
        rgb = Path(row[0])
        camera = rgb.parent.parent.name
        intrinsics = cameras.of(rgb.parts[0], camera)
        name = frame_name(Path(*rgb.parts[-4:]))
        pairs.append(Pair(name, folder / rgb, _annotated(folder, row[1]), _read, intrinsics))
    return pairs


def _annotated(folder: Path, depth: str) -> Path:
    # Lists do not name the half of the annotated set that has a drive.
    places = [folder / part / depth for part in ("", "train", "val")]
    return next((place for place in places if place.is_file()), places[0])


def _find_selected(folder: Path, split: str) -> list[Pair] | None:
    root = split_folder(folder, split)
    photos = sorted((root / "image").glob("*.png"))
    if not photos or not (root / "groundtruth_depth").is_dir():
        return None
    return [
        Pair(
            rgb.stem,
            rgb,
            root / "groundtruth_depth" / rgb.name.replace("_image_", "_groundtruth_depth_", 1),
            _read,
            _matrix(root / "intrinsics" / f"{rgb.stem}.txt"),
        )
        for rgb in photos
    ]


class _Cameras:
    """The rectified cameras of each day's calib_cam_to_cam.txt, if it exists."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._days: dict[str, dict[str, list[str]]] = {}

    def of(self, drive: str, camera: str) -> Intrinsics | None:
        day = drive[:_DATE]
        if day not in self._days:
            file = self._folder / day / "calib_cam_to_cam.txt"
            rows = read_rows(file) if file.is_file() else []
            self._days[day] = {row[0].rstrip(":"): row[1:] for row in rows}
        # A projection matrix, 3x4, row by row.
        entry = self._days[day].get(camera.replace("image_", "P_rect_"))
        return _intrinsics(entry, columns=4) if entry else None


def _matrix(path: Path) -> Intrinsics | None:
    """A 3x3 camera matrix in a file, row by row."""
    if not path.is_file():
        return None
    return _intrinsics([word for row in read_rows(path) for word in row], columns=3)


def _intrinsics(words: list[str], columns: int) -> Intrinsics:
    try:
        return Intrinsics(*(float(words[i]) for i in (0, columns + 1, 2, columns + 2)))
    except (ValueError, IndexError) as error:
        raise DatasetError(f"Expected a camera matrix, got {' '.join(words)!r}.") from error


ANNOTATED = Layout(
    "SPLIT/DRIVE/proj_depth/groundtruth/image_02/FRAME.png with DATE/DRIVE/image_02/data/FRAME.png",
    _find_annotated,
)
LISTED = Layout("SPLIT.txt with lines of photo, depth and focal length", _find_listed)
SELECTED = Layout("SPLIT/image/*.png with SPLIT/groundtruth_depth/*.png", _find_selected)
