"""A trained network to full INT8, in Python instead of by `tools/convert`.

    python examples/convert_in_python.py network.onnx photos model.tflite --max-depth 10

The network is a .keras, .h5, .onnx, .pt2 or float .tflite file, or a SavedModel folder. `photos` is
a folder of what the camera will see: most of them calibrate, the others verify.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tfl_depth import DepthError, convert


def main(network: Path, photos: str, output: Path, max_depth: float) -> None:
    """Convert, write the model with its report (.json), and print what it costs."""
    model = convert(network, photos, max_depth_m=max_depth)
    print(model)
    model.save(output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", type=Path)
    parser.add_argument("photos")
    parser.add_argument("output", type=Path)
    parser.add_argument("--max-depth", type=float, default=10.0)
    try:
        main(**vars(parser.parse_args()))
    except DepthError as error:
        sys.exit(f"error: {error}")
