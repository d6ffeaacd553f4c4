"""`make demo`: the bundled checkpoint to INT8, a real photo to millimeters.

It needs no data of its own: it calibrates with the pictures that scikit-image ships, which cover
the range of natural colors and textures well enough to show the way. For a product, calibrate
with images of your own camera.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from tfl_depth.errors import ConversionError
from tfl_depth.files import write_whole
from tfl_depth.png import as_png
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.preprocess import read_image
from tfl_depth.tools import convert
from tfl_depth.tools.lib import cli_common
from tfl_depth.tools.lib.outputs import Outputs, Picture, describe, side_by_side

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = ROOT / "zoo" / "lite0-nyu-192x256" / "model.keras"
# A photograph of a room, from the Middlebury stereo data of 2014 (D. Scharstein, CC0).
PHOTO = "motorcycle_left.png"
CALIBRATION = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "color.png",
    "grass.png",
    "gravel.png",
    "horse.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "microaneurysms.png",
    "moon.png",
    "motorcycle_right.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)
# Of a picture in a document, in pixels.
DOCUMENT_WIDTH = 1200


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; returns its exit status."""
    parser = cli_common.parser(
        "demo",
        "Convert the bundled checkpoint to INT8 and compute the depth of a photo.",
        "make demo",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo", metavar="DIR")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="also write the photo beside its depth, small"
    )
    options = parser.parse_args(argv)
    return cli_common.run(lambda: _demo(options.output, options.picture))


def _demo(output: Path, picture: Path | None) -> None:
    photos = photographs()
    output.mkdir(parents=True, exist_ok=True)
    listing = output / "calibration.txt"
    write_whole(listing, listed_photographs().encode())
    model = output / "model.tflite"
    arguments = [str(CHECKPOINT), "--int8", "--representative", str(listing), "--max-depth", "10"]
    print(f"$ tfl-depth convert {' '.join(arguments)} --output {model}", flush=True)
    if convert.main([*arguments, "--output", str(model), "--overwrite"]):
        raise ConversionError("The conversion failed; its error stands above.")
    pixels = read_image(photos / PHOTO)
    with DepthRunner(model) as runner:
        depth_mm = runner.infer(pixels)
    outputs = Outputs(("depth", "color"), output)
    outputs.write("photo", depth_mm, pixels)
    beside = side_by_side(pixels, outputs.colorized(depth_mm))
    write_whole(output / "side_by_side.png", as_png(beside))
    if picture is not None:
        write_whole(picture, as_png(reduced(beside)))
    print(f"\n{PHOTO}: {describe(depth_mm)}")
    for name in ("photo_depth.png", "photo_color.png", "side_by_side.png"):
        print(f"  {output / name}")


def reduced(picture: Picture) -> Picture:
    """A picture of the width that documents show."""
    height, width = picture.shape[:2]
    size = (DOCUMENT_WIDTH, round(height * DOCUMENT_WIDTH / width))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def photographs() -> Path:
    """The folder of photographs in the scikit-image package."""
    import skimage

    return Path(skimage.__file__).parent / "data"


def listed_photographs() -> str:
    """A list file of those to calibrate with."""
    return "".join(f"{photographs() / name}\n" for name in CALIBRATION)


if __name__ == "__main__":
    sys.exit(main())
