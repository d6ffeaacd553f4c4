"""How steady depth is: `python -m docs.scripts.measure_steadiness --data DIR`.

Every 16th photo of NYU Depth V2's split `val` is shown as a still video, with the noise of a sensor
added to each frame. It measures networks of the zoo in FP32 and INT8, with and without smoothing,
and writes docs/figures/steadiness.json.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from docs.scripts.result_file import read_result, write_result
from tfl_depth.data import load_split
from tfl_depth.evaluation.evaluate import keras_predictor
from tfl_depth.evaluation.steadiness import SENSOR_NOISE, Steadiness, steadiness, still_video
from tfl_depth.models import load_model
from tfl_depth.runtime import DepthRunner, Smoothing
from tfl_depth.tables import markdown, write_table
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("lite0-nyu-192x256", "pico-nyu-192x256")
FIGURES = ROOT / "docs" / "figures" / "steadiness.json"
PAGE = ROOT / "docs" / "steadiness.md"
STEP, FRAMES = 16, 24

Pixels = npt.NDArray[np.uint8]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement; returns its exit status."""
    parser = make_parser("measure_steadiness", "Measure how depth flickers.", str(__doc__))
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="NYU Depth V2")
    options = parser.parse_args(argv)
    return command_run.run(lambda: _measure(options.data))


def _measure(data: Path) -> None:
    photos = [sample.rgb for sample in load_split("nyuv2", data, "val")[::STEP]]
    rows = [row for name in MODELS for row in _rows(name, photos)]
    document = {"photos": len(photos), "frames": FRAMES, "noise": SENSOR_NOISE, "rows": rows}
    write_result(FIGURES, document)
    write_document()
    print(table())


def _rows(name: str, photos: Sequence[Pixels]) -> Iterator[dict[str, Any]]:
    model = ROOT / "zoo" / name / "int8.tflite"
    predict = keras_predictor(load_model(ROOT / "zoo" / name / "model.keras"))
    in_float = [
        steadiness(np.rint(1000 * predict(frame)) for frame in still_video(photo, FRAMES))
        for photo in photos
    ]
    yield _row(name, "FP32", in_float)
    with DepthRunner(model) as runner:
        for title, smooth in (("INT8", None), ("INT8, smoothed", Smoothing())):
            found = []
            for photo in photos:
                with runner.stream(
                    still_video(photo, FRAMES), channels="rgb", smooth=smooth
                ) as frames:
                    found.append(steadiness(frame.depth_mm for frame in frames))
            yield _row(name, title, found)


def _row(name: str, title: str, found: Sequence[Steadiness]) -> dict[str, Any]:
    return {
        "network": name,
        "depth": title,
        "median_mm": round(float(np.mean([each.median_mm for each in found])), 2),
        "p95_mm": round(float(np.mean([each.p95_mm for each in found])), 2),
    }


def write_document() -> None:
    """Write the page's table from the result file."""
    write_table(PAGE, "steadiness", table(), by="python -m docs.scripts.measure_steadiness")


def table() -> str:
    """The page's table, from the result file."""
    rows = read_result(FIGURES)["rows"]
    return markdown(
        ("network", "depth", "median, mm", "95 %, mm"),
        [
            (f"`{row['network']}`", row["depth"], f"{row['median_mm']:.1f}", f"{row['p95_mm']:.1f}")
            for row in rows
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
