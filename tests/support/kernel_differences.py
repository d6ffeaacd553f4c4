"""Measures how far correct kernels lie apart, in millimeters: what tolerances rest on.

python -m tests.support.kernel_differences convert PHOTOS FOLDER   the zoo's networks
python -m tests.support.kernel_differences measure RESULT MODEL... with the packages installed here

`make kernels DATA=photos/` runs both, the second in every environment that there is. The result
file is gone on with: what is measured here replaces what it holds of these packages and models.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.kernels import INSTALLED, output_tensors, postprocessed, scales
from tfl_depth.files import write_whole
from tfl_depth.format.contract import read_contract
from tfl_depth.format.golden import read_golden
from tfl_depth.runtime.golden_check import compare, tolerance_of

ROOT = Path(__file__).resolve().parents[2]
KERNELS = {
    "reference": {"reference": True},
    "optimized": {"xnnpack": False},
    "XNNPACK": {"xnnpack": True},
}
DISTRIBUTIONS = {
    "tflite_runtime": "tflite-runtime",
    "ai_edge_litert": "ai-edge-litert",
    "tensorflow": "tensorflow",
}
CONVERSIONS: dict[str, dict[str, Any]] = {
    "int8": {},
    "int8, per-tensor weights": {"per_channel": False},
    "int8, one tensor": {"head": "single"},
    "int16x8": {"precision": "int16x8"},
    "float32": {"precision": "float32"},
}
# Converted every way; the others to int8 alone.
FULLY = "lite0-nyu-192x256"
MAX_DEPTH_M = 10.0
SAMPLES = 32


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("convert")
    first.add_argument("photos")
    first.add_argument("folder", type=Path)
    first.set_defaults(run=lambda options: convert_zoo(options.photos, options.folder))
    second = commands.add_parser("measure")
    second.add_argument("result", type=Path)
    second.add_argument("models", type=Path, nargs="+")
    second.set_defaults(run=lambda options: update(options.result, options.models))
    options = parser.parse_args(argv)
    options.run(options)


def convert_zoo(photos: str, folder: Path) -> None:
    """Convert the zoo's networks, where that is not done yet."""
    from tfl_depth.converters.pipeline import convert_network
    from tfl_depth.converters.representative import find_images, split_images
    from tfl_depth.encoding import Spans

    images = split_images(find_images(photos), samples=SAMPLES, seed=0)
    spans = Spans.uniform(MAX_DEPTH_M)
    folder.mkdir(parents=True, exist_ok=True)
    for entry in sorted(path.parent.name for path in ROOT.glob("zoo/*/model.keras")):
        for kind, settings in CONVERSIONS.items():
            file = folder / f"{entry}, {kind}.tflite"
            if not file.exists() and (kind == "int8" or entry == FULLY):
                network = ROOT / "zoo" / entry / "model.keras"
                made = convert_network(network, images=images, spans=spans, **settings)
                write_whole(file, made.model)


def update(result: Path, models: Sequence[Path]) -> None:
    """Measure with every package that is installed here, and write what is new."""
    rows = json.loads(result.read_text()) if result.exists() else {}
    for path, package, kernels in product(models, INSTALLED, KERNELS):
        name = f"{_label(package)}, {kernels}"
        rows.setdefault(path.stem, {})[name] = measure(path.read_bytes(), package, kernels)
    ordered = {model: dict(sorted(rows[model].items())) for model in sorted(rows)}
    write_whole(result, (json.dumps(ordered, indent=1) + "\n").encode())


def _label(package: str) -> str:
    distribution = DISTRIBUTIONS[package.partition(".")[0]]
    return f"{distribution} {version(distribution)}, {platform.machine()}"


def measure(model: bytes, package: str, kernels: str) -> dict[str, float]:
    """Differences of kernels from a model's golden depth, over all pixels of all its photos.

    Returns:
        `median_mm`, `p95_mm`, `worst_mm`, and the largest `share_of_tolerance`.
    """
    contract = read_contract(model)
    golden = read_golden(model, contract)
    quantization = scales(model, package=package)
    depth_mm = np.stack(
        [
            postprocessed(
                output_tensors(model, rgb, package=package, **KERNELS[kernels]),
                contract,
                quantization,
            )
            for rgb in golden.rgb
        ]
    )
    tolerance = tolerance_of(contract)
    proof = compare(depth_mm, golden.depth_mm, tolerance, None, None)
    found = (proof.median_mm, proof.p95_mm, proof.max_mm)
    shares = [each_mm / most_mm for each_mm, most_mm in zip(found, tolerance, strict=True)]
    names = (*tolerance._fields, "share_of_tolerance")
    return dict(zip(names, (round(float(each), 2) for each in (*found, max(shares))), strict=True))


if __name__ == "__main__":
    main()
