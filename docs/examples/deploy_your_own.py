"""Deploy a network of your own: from its file to an INT8 file, and to millimeters.

    python docs/examples/deploy_your_own.py NETWORK PHOTOS OUTPUT.tflite

NETWORK is a .keras, .h5, .onnx, .pt2 or float .tflite file, or a SavedModel folder; docs/deploy.md
explains the options.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tfl_depth import DepthError, DepthRunner, convert


def main(argv: list[str]) -> int:
    """Convert a network, and run the result on a photo; returns the exit status."""
    network, photos, output = map(Path, argv)
    to_int8(network, photos, output)
    show(output, min(photos.iterdir()))
    return 0


def to_int8(network: Path, photos: Path, output: Path) -> None:
    """Convert with the exact split, verify, and write the file with its report."""
    model = convert(network, photos, max_depth_m=10)
    print(model)
    model.save(output, overwrite=True)


def show(model: Path, photo: Path) -> None:
    """What a program on the board does; it needs no TensorFlow."""
    with DepthRunner(model) as runner:
        depth_mm = runner.infer(photo)
    print(f"{photo.name}: {depth_mm.min()} to {depth_mm.max()} mm, {depth_mm.shape} pixels")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except DepthError as error:
        sys.exit(f"error: {error}")
