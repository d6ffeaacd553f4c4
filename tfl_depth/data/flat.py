"""One folder of photos, one of depth, and lists: rgb/NAME.jpg, depth/NAME.png, SPLIT.txt."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tfl_depth.data.depth_files import read_png
from tfl_depth.data.pairs import Layout, Pair, read_names


def flat(missing_from_mm: int) -> Layout:
    """The layout with depth in whole millimeters. 0, and `missing_from_mm` or more: no reading."""
    return Layout(
        "rgb/NAME.jpg, depth/NAME.png (uint16, millimeters) and SPLIT.txt",
        partial(_find, missing_from_mm=missing_from_mm),
    )


def _find(folder: Path, split: str, *, missing_from_mm: int) -> list[Pair] | None:
    names = folder / f"{split}.txt"
    if not (names.is_file() and (folder / "rgb").is_dir()):
        return None
    read = partial(read_png, per_meter=1000, missing_from=missing_from_mm)
    return [
        Pair(name, folder / "rgb" / f"{name}.jpg", folder / "depth" / f"{name}.png", read)
        for name in read_names(names)
    ]
