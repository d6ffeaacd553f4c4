"""A few photographs to convert with: those that scikit-image ships, cut to small pieces."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from skimage import data

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
SIZE = (128, 192)


def write_photos(folder: Path) -> list[Path]:
    """Write twelve photos of 128x192 pixels, JPEG and PNG; returns their paths, sorted."""
    folder.mkdir(parents=True)
    for name in PHOTOS:
        rgb = np.asarray(getattr(data, name)())[..., :3]
        height, width = rgb.shape[0] // 2, rgb.shape[1] // 2
        for piece, (top, left) in enumerate(((0, 0), (height, 0), (0, width))):
            part = np.ascontiguousarray(rgb[top : top + height, left : left + width, ::-1])
            small = cv2.resize(part, SIZE[::-1], interpolation=cv2.INTER_AREA)
            suffix = "png" if piece else "jpg"
            cv2.imwrite(str(folder / f"{name}{piece}.{suffix}"), small)
    return sorted(folder.iterdir())
