"""NYU Depth V2 in its two common layouts, with images of 640x480.

- Extracted from the .mat by the scripts of BTS (Lee et al., 2019) and its successors: a folder for
  each split, usually with a folder for each scene. It has rgb_00045.jpg and sync_depth_00045.png
  (uint16, millimeters).
- The archive of DenseDepth (Alhashim and Wonka, 2018): data/nyu2_SPLIT.csv names photo and depth
  in each row. Its training depth is an 8-bit PNG, 255 = 10 m: steps of 39 mm. Its test depth
  is uint16 millimeters.
"""

from __future__ import annotations

import csv
import re
from functools import partial
from pathlib import Path

from tfl_depth.data.depth_files import read_png
from tfl_depth.data.pairs import Layout, Pair, frame_name, read_names, split_folder
from tfl_depth.errors import DatasetError
from tfl_depth.listing import files_below

RGB_NAME = re.compile(r"rgb_(\d+)\.(?:jpg|png)")
DEPTH_NAME = re.compile(r"sync_depth_(\d+)\.png")
_read_mm = partial(read_png, per_meter=1000)
_read_tenth_of_10_m = partial(read_png, per_meter=255 / 10, bits=8)


def _find_extracted(folder: Path, split: str) -> list[Pair] | None:
    root = split_folder(folder, split)
    photos, depths = _numbered(root, RGB_NAME), _numbered(root, DEPTH_NAME)
    if not photos and not depths:
        return None
    return [
        Pair(
            frame_name((place / f"{number}.png").relative_to(root)),
            photos.get((place, number), place / f"rgb_{number}.jpg"),
            depths.get((place, number), place / f"sync_depth_{number}.png"),
            _read_mm,
        )
        for place, number in sorted(photos.keys() | depths.keys())
    ]


def _numbered(root: Path, pattern: re.Pattern[str]) -> dict[tuple[Path, str], Path]:
    matches = ((path, pattern.fullmatch(path.name)) for path in files_below(root))
    return {(path.parent, match[1]): path for path, match in matches if match}


def _find_listed(folder: Path, split: str) -> list[Pair] | None:
    places = (folder / "data" / f"nyu2_{split}.csv", folder / f"nyu2_{split}.csv")
    table = next((place for place in places if place.is_file()), None)
    if table is None:
        return None
    read = _read_tenth_of_10_m if split == "train" else _read_mm
    rows = [row for row in csv.reader(read_names(table)) if row]
    pairs = []
    for number, row in enumerate(rows, start=1):
        if len(row) != 2:
            raise DatasetError(f"Expected photo,depth in row {number} of {table}, got {row}.")
        rgb, depth = (_without_data(Path(cell)) for cell in row)
        pairs.append(Pair(frame_name(rgb), table.parent / rgb, table.parent / depth, read))
    return pairs


def _without_data(path: Path) -> Path:
    # Rows begin with the name of the table's folder. The folder may have another name now.
    return path.relative_to("data") if path.is_relative_to("data") else path


EXTRACTED = Layout(
    "SPLIT/**/rgb_NUMBER.jpg with sync_depth_NUMBER.png (uint16, millimeters)", _find_extracted
)
LISTED = Layout("data/nyu2_SPLIT.csv with rows photo,depth", _find_listed)
