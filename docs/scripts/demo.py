"""`make demo`: a network of the zoo to INT8, a real photo to millimeters, beside the truth.

It converts the float .tflite, so it needs no TensorFlow. It calibrates with pieces of the
photographs that scikit-image ships. For a product, calibrate with photos of your own camera.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from docs.scripts import demo_truth
from tfl_depth.converters.importers.tflite import TfliteRunner
from tfl_depth.data.samples import Sample
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ConversionError
from tfl_depth.example_photos import PHOTOGRAPHS, photograph_folder, write_example_photos
from tfl_depth.files import write_whole
from tfl_depth.pictures import comparison_picture, error_limit_m
from tfl_depth.png import as_png
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.colorize import colorize, depth_limits
from tfl_depth.runtime.fit import Fit, depth_in_frame, fit_frame, fit_pixels
from tfl_depth.runtime.preprocess import read_image
from tfl_depth.tools import convert
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser
from tfl_depth.tools.lib.outputs import Outputs, Picture, describe

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "zoo" / "lite0-nyu-192x256"
CHECKPOINT, FLOAT = ENTRY / "model.keras", ENTRY / "float.tflite"
# A photograph of a room, from the Middlebury stereo data of 2014 (D. Scharstein, CC0).
PHOTO = "motorcycle_left.png"
# Of the pieces of photographs that calibrate: the rest is enough to verify with.
SAMPLES = 24
PICTURE = ROOT / "docs" / "images" / "demo.png"
# Of a picture in a document, in pixels.
DOCUMENT_WIDTH = 900
FILES = (
    "photo_depth.png",
    "photo_color.png",
    "photo_corrected_depth.png",
    "photo_corrected_color.png",
    "side_by_side.png",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; returns its exit status."""
    parser = make_parser(
        "demo",
        "Convert a network of the zoo to INT8, and compare the depth of a photo with the truth.",
        "make demo",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo", metavar="DIR")
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        help="also write the photo beside its depth, the truth and the error; and, for "
        "docs/images/demo.png, the figures",
    )
    options = parser.parse_args(argv)
    picture = options.picture and options.picture.resolve()
    return command_run.run(lambda: _demo(options.output, picture))


def _demo(output: Path, picture: Path | None) -> None:
    output.mkdir(parents=True, exist_ok=True)
    photos = output / "photos"
    write_example_photos(photos)
    model = output / "model.tflite"
    arguments = [str(FLOAT), "--representative", str(photos), "--samples", str(SAMPLES)]
    arguments += ["--max-depth", "10"]
    print(f"$ tfl-depth convert {' '.join(arguments)} --output {model}", flush=True)
    if convert.main([*arguments, "--output", str(model), "--overwrite"]):
        raise ConversionError("The conversion failed: see the error above.")
    pixels = read_image(photograph_folder() / PHOTO)
    truth_mm = np.asarray(np.rint(1000 * demo_truth.true_depth_m()), np.uint16)
    with DepthRunner(model, camera=demo_truth.CAMERA) as runner:
        depth_mm, fit = runner.infer(pixels), runner.fit
        trained = runner.contract.camera
    with DepthRunner(model, camera=demo_truth.CAMERA, correct_focal=True) as runner:
        corrected_mm, ratio = runner.infer(pixels), runner.correction(truth_mm.shape).scale
    outputs = Outputs(("depth", "color"), output, colorized=_colors(depth_mm, truth_mm))
    outputs.write("photo", depth_mm, pixels)
    outputs.write("photo_corrected", corrected_mm, pixels)
    beside = beside_truth(pixels, depth_mm, truth_mm)
    write_whole(output / "side_by_side.png", as_png(beside))
    with DepthRunner(model, fit=fit) as runner:
        plain_m = runner.infer(pixels) / 1000
    figures = demo_truth.compare(
        {"FP32": _float_depth_m(pixels, fit), "INT8": plain_m},
        ratio,
        obeys=trained is not None and trained.obeys,
    )
    if picture is not None:
        write_whole(picture, as_png(reduced(beside)))
        if picture == PICTURE:
            demo_truth.write_figures(figures)
    print(f"\n{PHOTO}: {describe(depth_mm)}")
    print(demo_truth.said(figures))
    for name in FILES:
        print(f"  {output / name}")


def _float_depth_m(bgr: Picture, fit: Fit) -> npt.NDArray[np.float32]:
    """Depth of a photo (H, W, 3) by the network before it was converted, in meters."""
    runner = TfliteRunner(FLOAT.read_bytes())
    place = fit_frame((bgr.shape[0], bgr.shape[1]), runner.size, fit)
    rgb = fit_pixels(np.ascontiguousarray(bgr[..., ::-1]), place)
    (depth_m,) = runner(rgb[None].astype(np.float32))
    return depth_in_frame(depth_m[0, ..., 0], place)


def _colors(depth_mm: DepthMm, truth_mm: DepthMm) -> Callable[[DepthMm], Picture]:
    """One scale for both."""
    limits = depth_limits(depth_mm), depth_limits(truth_mm)
    near_mm, far_mm = min(near for near, _ in limits), max(far for _, far in limits)
    return partial(colorize, near_mm=near_mm, far_mm=far_mm)


def beside_truth(photo: Picture, depth_mm: DepthMm, truth_mm: DepthMm) -> Picture:
    """A photo, its true depth, its depth on the same scale, and the error."""
    truth_m, depth_m = (np.asarray(each / 1000, np.float32) for each in (truth_mm, depth_mm))
    sample = Sample(PHOTO, np.ascontiguousarray(photo[..., ::-1]), truth_m, truth_mm > 0)
    limit_m = error_limit_m([sample], [depth_m])
    return comparison_picture(sample, depth_m, error_limit_m=limit_m, predicted="INT8")


def reduced(picture: Picture) -> Picture:
    """A picture of the width that documents show."""
    height, width = picture.shape[:2]
    size = (DOCUMENT_WIDTH, round(height * DOCUMENT_WIDTH / width))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def listed_photographs() -> str:
    """A list file of the photographs that the other scripts calibrate with."""
    return "".join(f"{photograph_folder() / name}\n" for name in PHOTOGRAPHS)


if __name__ == "__main__":
    sys.exit(main())
