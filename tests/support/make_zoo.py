"""Converts one of the zoo's networks to int8: python -m tests.support.make_zoo NAME.tflite.

With the fastest recipe and a few photos: for tests of what does not depend on the weights.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.support.photos import write_photos
from tfl_depth.converters import ImageSplit
from tfl_depth.converters.pipeline import convert_network
from tfl_depth.files import write_whole

ZOO = Path(__file__).resolve().parents[2] / "zoo"
MAX_DEPTH_M = 10


def make_zoo(file: Path) -> None:
    """Write the network of the zoo's entry with the name of `file`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        photos = write_photos(Path(work, "photos"))
        images = ImageSplit(tuple(photos[::4]), tuple(photos[1::4]), seed=0)
        network = ZOO / file.stem / "model.keras"
        made = convert_network(network, images=images, max_depth_m=MAX_DEPTH_M, recipe="minmax")
    write_whole(file, made.model)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("file", type=Path)
    make_zoo(arguments.parse_args().file)
