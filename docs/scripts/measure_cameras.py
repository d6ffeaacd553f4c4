"""How networks of the zoo do with another camera: `python -m docs.scripts.measure_cameras DIR`.

DIR holds the HoloLens frames of DeepVideoMVS. It measures the networks of NYU Depth V2 in FP32, as
they are and corrected by the focal length, and writes docs/figures/cameras.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from docs.scripts.measure_fit import HOLOLENS, abs_rel, focal_ratio
from docs.scripts.result_file import read_result, write_result
from tfl_depth.data import Sample, load_split
from tfl_depth.evaluation.evaluate import keras_predictor
from tfl_depth.models import load_model
from tfl_depth.runtime.fit import DEFAULT_FIT
from tfl_depth.tables import markdown, write_table
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures" / "cameras.json"
PAGE = ROOT / "docs" / "cameras.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement; returns its exit status."""
    parser = make_parser("measure_cameras", "Measure another camera.", str(__doc__))
    parser.add_argument("data", type=Path, metavar="DIR", help="the HoloLens frames")
    options = parser.parse_args(argv)
    return command_run.run(lambda: _measure(options.data))


def _measure(data: Path) -> None:
    samples = [replace(each, intrinsics=HOLOLENS) for each in load_split("pairs", data, "all")]
    entries = sorted(ROOT.glob("zoo/*-nyu-*/model.keras"))
    rows = [_row(path, samples) for path in entries]
    document = {"images": len(samples), "rows": rows}
    write_result(FIGURES, document)
    write_document()
    print(table())


def _row(checkpoint: Path, samples: Sequence[Sample]) -> dict[str, Any]:
    model = load_model(checkpoint)
    predict = keras_predictor(model)
    depths = [predict(sample.rgb) for sample in samples]
    ratio = focal_ratio(samples[0], model.input_shape[1:3], DEFAULT_FIT)
    response = json.loads((checkpoint.parent / "metrics.json").read_text(encoding="utf-8"))
    return {
        "network": checkpoint.parent.name,
        "response": response["zoom_response"]["response"],
        "obeys": response["zoom_response"]["obeys"],
        "focal_ratio": round(ratio, 3),
        "abs_rel": abs_rel(depths, samples, 1.0),
        "corrected_abs_rel": abs_rel(depths, samples, ratio),
    }


def write_document() -> None:
    """Write the page's table from the result file."""
    write_table(PAGE, "cameras", table(), by="python -m docs.scripts.measure_cameras")


def table() -> str:
    """The page's table, from the result file."""
    rows = read_result(FIGURES)["rows"]
    return markdown(
        ("network", "response at 0.7, 1.4", "obeys", "HoloLens: abs_rel", "corrected"),
        [
            (
                f"`{row['network']}`",
                ", ".join(f"{each:.2f}" for each in row["response"]),
                "yes" if row["obeys"] else "no",
                f"{row['abs_rel']:.3f}",
                f"{row['corrected_abs_rel']:.3f}",
            )
            for row in rows
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
