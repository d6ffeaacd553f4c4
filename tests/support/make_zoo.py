"""Converts the zoo's networks to int8: python -m tests.support.make_zoo FOLDER.

With the recipe that takes no time, and a few photos: for tests that ask of every network what does
not depend on the weights.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.support.photos import write_photos
from tfl_depth.converters import ImageSplit
from tfl_depth.converters.pipeline import convert_network

ZOO = Path(__file__).resolve().parents[2] / "zoo"
MAX_DEPTH_M = 10


def make_zoo(folder: Path) -> None:
    """Write NAME.tflite of each of the zoo's networks into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        photos = write_photos(Path(work, "photos"))
        images = ImageSplit(tuple(photos[::4]), tuple(photos[1::4]), seed=0)
        for network in sorted(ZOO.glob("*/model.keras")):
            made = convert_network(network, images=images, max_depth_m=MAX_DEPTH_M, recipe="minmax")
            (folder / f"{network.parent.name}.tflite").write_bytes(made.model)
    (folder / ".complete").touch()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    make_zoo(arguments.parse_args().folder)
