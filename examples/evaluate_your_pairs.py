"""How good a converted model is on photos and depth of your own.

    python examples/evaluate_your_pairs.py model.tflite pairs

`pairs` holds rgb/NAME.jpg or .png and depth/NAME.png (16 bit, millimeters, 0 = no reading), or
depth/NAME of floating-point meters: .npy, .npz, .tiff, .exr. Nothing is aligned to the truth; each
image counts alike. `tools/evaluate --dataset pairs --split all` does the same, with pictures.
"""

from __future__ import annotations

import argparse
import sys

from tfl_depth.data import DATASETS, open_split
from tfl_depth.evaluation.evaluate import evaluate, runner_predictor
from tfl_depth.evaluation.metrics import mean_over_images
from tfl_depth.runtime import DepthError, DepthRunner


def main(model: str, pairs: str) -> None:
    """Print the metrics, and the image that the model gets most wrong."""
    samples = open_split("pairs", pairs, "all")
    with DepthRunner(model) as runner:
        rows = evaluate(runner_predictor(runner), samples, DATASETS["pairs"])
    for metric, value in mean_over_images(rows).items():
        print(f"{metric:<9}{value:8.4f}")
    worst, row = max(zip(samples, rows, strict=True), key=lambda each: each[1]["abs_rel"])
    print(f"worst of {len(rows)} images: {worst.name}, abs_rel {row['abs_rel']:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("pairs")
    try:
        main(**vars(parser.parse_args()))
    except DepthError as error:
        sys.exit(f"error: {error}")
