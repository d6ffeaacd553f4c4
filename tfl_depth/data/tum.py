"""TUM RGB-D: rgb.txt and depth.txt list the images of two unsynchronized cameras with their times.

Depth is uint16, 5000 = 1 m, 0 = no reading, and registered to the photo. Images are paired as the
benchmark's associate.py does. Sources: Sturm et al., IROS 2012; the benchmark's pages "File
Formats" and "Intrinsic Camera Calibration".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tfl_depth.data.depth_files import read_png
from tfl_depth.data.pairs import Layout, Pair, read_rows, split_folder
from tfl_depth.errors import DatasetError
from tfl_depth.intrinsics import Intrinsics

MAX_APART_S = 0.02
CAMERAS = {
    "freiburg1": Intrinsics(517.3, 516.5, 318.6, 255.3),
    "freiburg2": Intrinsics(520.9, 521.0, 325.1, 249.7),
    "freiburg3": Intrinsics(535.4, 539.2, 320.1, 247.6),
}
CAMERA_SIZE = (480, 640)
_read = partial(read_png, per_meter=5000)


def associate(rgb_s: Sequence[float], depth_s: Sequence[float]) -> list[tuple[int, int]]:
    """Pair photos and depth images less than 0.02 s apart, the nearest first, each one once.

    Args:
        rgb_s: times of the photos in seconds.
        depth_s: times of the depth images in seconds.

    Returns:
        Positions in `rgb_s` and `depth_s`, ordered by the first.
    """
    by_time = np.argsort(depth_s)
    times = np.asarray(depth_s, np.float64)[by_time]
    candidates = []
    for i, time in enumerate(rgb_s):
        first, last = np.searchsorted(times, (time - MAX_APART_S, time + MAX_APART_S))
        for j in map(int, by_time[first:last]):
            if abs(time - depth_s[j]) < MAX_APART_S:
                candidates.append((abs(time - depth_s[j]), i, j))
    chosen: dict[int, int] = {}
    taken: set[int] = set()
    for _apart, i, j in sorted(candidates):
        if i not in chosen and j not in taken:
            chosen[i] = j
            taken.add(j)
    return sorted(chosen.items())


def _find(folder: Path, split: str) -> list[Pair] | None:
    root = split_folder(folder, split)
    if not ((root / "rgb.txt").is_file() and (root / "depth.txt").is_file()):
        return None
    photos, depths = _listed(root / "rgb.txt"), _listed(root / "depth.txt")
    camera = _camera(root)
    return [
        Pair(photos[i][1].stem, photos[i][1], depths[j][1], _read, camera, CAMERA_SIZE)
        for i, j in associate([time for time, _ in photos], [time for time, _ in depths])
    ]


def _listed(path: Path) -> list[tuple[float, Path]]:
    try:
        return [(float(time), path.parent / file) for time, file in read_rows(path)]
    except ValueError as error:
        raise DatasetError(f"Expected lines of a time and a file in {path}: {error}.") from error


def _camera(root: Path) -> Intrinsics | None:
    # The name of the folder, or the first comment of the lists: rgbd_dataset_freiburg1_rpy.
    text = root.resolve().name + (root / "rgb.txt").read_text("utf-8", errors="replace")
    match = re.search(r"freiburg[123]", text)
    return CAMERAS[match[0]] if match else None


TUM = Layout("[SPLIT/]rgb.txt and depth.txt (the split 'all' is the folder itself)", _find)
