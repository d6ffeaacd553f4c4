"""Depth of one photo, in millimeters and as a picture.

    python examples/photo.py model.tflite photo.jpg

prints how far away the middle of the photo is, and writes photo_depth.png (16 bit, millimeters,
0 = no depth) and photo_color.png, with a legend in meters, into this folder. The model is one that
`tools/convert` or `make demo` has made. Depth past 65.535 m is uint32, which no PNG holds: keep it
with `numpy.save`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2

from tfl_depth.runtime import DepthError, DepthRunner, colorize


def main(model: str, photo: str) -> None:
    """Compute the depth, print one of its values, and write it."""
    with DepthRunner(model) as runner:
        depth_mm = runner.infer(photo)
    height, width = depth_mm.shape
    print(f"{depth_mm[height // 2, width // 2] / 1000:.3f} m in the middle of {photo}")
    stem = Path(photo).stem
    cv2.imwrite(f"{stem}_depth.png", depth_mm)
    cv2.imwrite(f"{stem}_color.png", colorize(depth_mm))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("photo")
    try:
        main(**vars(parser.parse_args()))
    except DepthError as error:
        sys.exit(f"error: {error}")
