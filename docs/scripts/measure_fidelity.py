"""How close INT8 is to FP32: `python -m docs.scripts.measure_fidelity --data DIR`.

It converts a network of the zoo with photos of NYU Depth V2's split `train`, per channel and per
tensor, by the default recipe and by the one that doubles channels. It compares each pixel of the
split `val` with the float network, and writes docs/figures/int8_fidelity.json.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from docs.scripts.int8_conversion import CALIBRATION_PHOTOS, int8_model
from docs.scripts.result_file import read_result, write_result
from tfl_depth.converters import split_images
from tfl_depth.converters.importers import import_network
from tfl_depth.converters.representative import read_pixels
from tfl_depth.data.datasets import photos
from tfl_depth.encoding import Spans
from tfl_depth.format.contract import read_contract
from tfl_depth.recipes import RecipeName, default_recipe
from tfl_depth.strategy.candidates import users_depth
from tfl_depth.strategy.deviation import DepthDeviation, Grid
from tfl_depth.strategy.study_input import Pixels
from tfl_depth.tables import markdown, write_table
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser

ROOT = Path(__file__).resolve().parents[2]
NETWORK = "lite0-nyu-192x256"
FIGURES = ROOT / "docs" / "figures" / "int8_fidelity.json"
DECISION = ROOT / "docs" / "decisions" / "023-what-is-left-of-int8.md"
MAX_DEPTH_M = 10.0
DOUBLED: RecipeName = "double-gptq"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement; returns its exit status."""
    parser = make_parser("measure_fidelity", "Compare INT8 with FP32.", str(__doc__))
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="NYU Depth V2")
    options = parser.parse_args(argv)
    return command_run.run(lambda: _measure(options.data))


def _measure(data: Path) -> None:
    paths = photos("nyuv2", data, "val")
    network = ROOT / "zoo" / NETWORK / "float.tflite"
    images = split_images(photos("nyuv2", data, "train"), samples=CALIBRATION_PHOTOS)
    expected: list[Grid] = []
    rows = []
    for per_channel in (True, False):
        for recipe in (default_recipe(per_channel=per_channel), DOUBLED):
            model = int8_model(network, images, MAX_DEPTH_M, per_channel=per_channel, recipe=recipe)
            pixels = _pixels(model, paths)
            expected = expected or _float_depths(network, pixels)
            weights = "per channel" if per_channel else "per tensor"
            found = deviation(list(users_depth(model, pixels)), expected)
            rows.append({"weights": weights, "recipe": recipe, **found})
    write_result(FIGURES, {"network": NETWORK, "images": len(paths), "rows": rows})
    write_document()
    print(table())


def _pixels(model: bytes, paths: Sequence[Path]) -> list[Pixels]:
    """The photos as the model's input, (h, w, 3) uint8 each."""
    contract = read_contract(model)
    return [read_pixels(path, (contract.height, contract.width), contract.fit) for path in paths]


def _float_depths(network: Path, pixels: Sequence[Pixels]) -> list[Grid]:
    """FP32 depth (h, w) of each photo in meters."""
    source = import_network(network, size=None)
    values = (np.asarray(each[None], np.float32) for each in pixels)
    return [np.asarray(source.run(each)[0], np.float32)[0, ..., 0] for each in values]


def deviation(found: Sequence[Grid], expected: Sequence[Grid]) -> dict[str, float]:
    """The deviation of depths in meters from others, over all pixels together.

    Returns:
        `median_percent` and `p95_percent` of the expected depth, and `wraps`: the share of pixels
        that are off by more than half a span.
    """
    apart = DepthDeviation.measured(expected, found, Spans.uniform(MAX_DEPTH_M))
    return {
        "median_percent": round(100 * apart.median_share, 3),
        "p95_percent": round(100 * apart.p95_share, 3),
        "wraps": round(apart.wrap_share, 6),
    }


def write_document() -> None:
    """Write the decision's table from the result file."""
    write_table(DECISION, "fidelity", table(), by="python -m docs.scripts.measure_fidelity")


def table() -> str:
    """The decision's table, from the result file."""
    document = read_result(FIGURES)
    return markdown(
        (
            f"`{document['network']}`, {document['images']} photos of `val`",
            "recipe",
            "deviation in percent of each pixel's FP32 depth: median",
            "95 %",
            "off by more than half a span",
        ),
        [
            (
                row["weights"],
                f"`{row['recipe']}`",
                f"{row['median_percent']:.2f} %",
                f"{row['p95_percent']:.2f} %",
                f"{row['wraps']:.4%}",
            )
            for row in document["rows"]
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
