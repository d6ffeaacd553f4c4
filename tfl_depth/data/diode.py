"""DIODE: NAME.png, NAME_depth.npy (H, W, 1) in meters and NAME_depth_mask.npy (1 = a reading).

They are in SPLIT/indoors|outdoor/scene_*/scan_*/. A split may be a part of it, such as val/indoors.
Source: Vasiljevic et al., 2019, and the README of diode-devkit.
"""

from __future__ import annotations

from pathlib import Path

from tfl_depth.data.depth_files import read_masked_meters
from tfl_depth.data.pairs import Layout, Pair, split_folder
from tfl_depth.listing import files_below


def _find(folder: Path, split: str) -> list[Pair] | None:
    root = split_folder(folder, split)
    depths = _stems(root, "_depth.npy")
    if not depths:
        return None
    return [
        Pair(
            stem.name,  # has the scene and the scan
            stem.with_suffix(".png"),
            stem.with_name(f"{stem.name}_depth.npy"),
            read_masked_meters,
        )
        for stem in sorted(depths | _stems(root, ".png"))
    ]


def _stems(root: Path, ending: str) -> set[Path]:
    found = (path for path in files_below(root) if path.name.endswith(ending))
    return {path.with_name(path.name[: -len(ending)]) for path in found}


DIODE = Layout("SPLIT/**/NAME.png with NAME_depth.npy and NAME_depth_mask.npy", _find)
