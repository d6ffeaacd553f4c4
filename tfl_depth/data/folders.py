"""Any pairs: rgb/NAME.jpg or .png, and depth/NAME in a format given by its suffix.

A PNG is uint16 in the units of its layout; .npy, .npz (one array, or one called depth), .exr and
.tiff are floating-point meters.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tfl_depth.data.depth_files import (
    ARRAYS_OF_METERS,
    IMAGES_OF_METERS,
    read_meters,
    read_png,
    require_exr_reader,
)
from tfl_depth.data.pairs import DepthReader, Layout, Pair, read_names, split_folder
from tfl_depth.errors import DatasetError

PHOTOS = (".jpg", ".jpeg", ".png")
DEPTHS = (".png", *ARRAYS_OF_METERS, *IMAGES_OF_METERS)


def folders(png_per_meter: float) -> Layout:
    """The layout whose PNGs have depth in units of 1 / `png_per_meter` meters."""
    return Layout(
        f"[SPLIT/]rgb/NAME.jpg with depth/NAME{'|'.join(DEPTHS)}, or both and SPLIT.txt",
        partial(_find, read_depth_png=partial(read_png, per_meter=png_per_meter)),
    )


def _find(folder: Path, split: str, *, read_depth_png: DepthReader) -> list[Pair] | None:
    names = folder / f"{split}.txt"
    root = folder if names.is_file() else split_folder(folder, split)
    if not ((root / "rgb").is_dir() and (root / "depth").is_dir()):
        return None
    photos, depths = _by_name(root / "rgb", PHOTOS), _by_name(root / "depth", DEPTHS)
    chosen = sorted(photos.keys() | depths.keys())
    if names.is_file():
        chosen = read_names(names)
    require_exr_reader(depths[name] for name in chosen if name in depths)
    pairs = []
    for name in chosen:
        rgb = photos.get(name, root / "rgb" / f"{name}.jpg")
        depth = depths.get(name, root / "depth" / f"{name}.png")
        read = read_depth_png if depth.suffix.lower() == ".png" else read_meters
        pairs.append(Pair(name, rgb, depth, read))
    return pairs


def _by_name(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in endings:
            continue
        if path.stem in found:
            raise DatasetError(
                f"Two files have one name: {found[path.stem]} and {path.name}. Remove one."
            )
        found[path.stem] = path
    return found
