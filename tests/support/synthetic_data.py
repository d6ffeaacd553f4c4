"""A tiny dataset in the layout of the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

SIZE = (64, 96)


def slope(size: tuple[int, int], rise_mm: float) -> npt.NDArray[np.uint16]:
    """A plane from 1 m on the left to `rise_mm` farther on the right: millimeters (H, W)."""
    height, width = size
    row = np.linspace(1000, 1000 + rise_mm, width)
    return np.broadcast_to(row, (height, width)).astype(np.uint16)


def write_dataset(
    folder: Path, frames: Mapping[str, int], size: tuple[int, int] = SIZE, seed: int = 0
) -> Path:
    """Write a dataset of slopes, as many for each split as `frames` says; nearer is brighter."""
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for split, count in frames.items():
        names = [f"{split}{number}" for number in range(count)]
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        for name in names:
            depth_mm = slope(size, rng.uniform(500, 4000))
            write_frame(folder, name, _lit(depth_mm, rng), depth_mm)
    return folder


def _lit(depth_mm: npt.NDArray[np.uint16], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    noise = rng.normal(0, 8, (*depth_mm.shape, 3))
    return np.clip(250 - depth_mm[..., None] / 25 + noise, 0, 255).astype(np.uint8)


def write_frame(folder: Path, name: str, rgb: Any, depth_mm: Any) -> None:
    """Write one frame: RGB (H, W, 3) uint8 and its depth (H, W), usually uint16 millimeters."""
    cv2.imwrite(str(folder / "rgb" / f"{name}.jpg"), rgb[..., ::-1])
    cv2.imwrite(str(folder / "depth" / f"{name}.png"), depth_mm)
