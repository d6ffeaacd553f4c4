"""What guided enlargement gives: `python -m docs.scripts.measure_upsampling --data DIR`.

It measures the INT8 files of the zoo on NYU Depth V2's split `val` with both ways of enlargement,
and the time of both, and writes docs/figures/upsampling.json.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any, get_args

import numpy as np

from docs.scripts.result_file import read_result, write_result
from tfl_depth.data import DATASETS, Sample, load_split
from tfl_depth.evaluation.edges import EdgeErrors
from tfl_depth.evaluation.evaluate import evaluate, runner_predictor
from tfl_depth.evaluation.metrics import mean_over_images
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.options import UpsampleName
from tfl_depth.tables import markdown, write_table
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("lite0-nyu-192x256", "pico-nyu-192x256")
FIGURES = ROOT / "docs" / "figures" / "upsampling.json"
DECISION = ROOT / "docs" / "decisions" / "020-guided-enlargement.md"
TIMED_FRAMES = 60


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement; returns its exit status."""
    parser = make_parser("measure_upsampling", "Measure both ways of enlargement.", str(__doc__))
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="NYU Depth V2")
    options = parser.parse_args(argv)
    return command_run.run(lambda: _measure(options.data))


def _measure(data: Path) -> None:
    samples = load_split("nyuv2", data, "val")
    rows = [
        {
            "model": name,
            "upsample": way,
            **_row(ROOT / "zoo" / name / "int8.tflite", way, samples),
        }
        for name in MODELS
        for way in get_args(UpsampleName)
    ]
    document = {"images": len(samples), "time_ratio": _time_ratio(samples), "rows": rows}
    write_result(FIGURES, document)
    write_document()
    print(table())


def _row(model: Path, way: UpsampleName, samples: Sequence[Sample]) -> dict[str, Any]:
    edges = EdgeErrors()
    with DepthRunner(model, upsample=way) as runner:
        scores = evaluate(runner_predictor(runner), samples, DATASETS["nyuv2"], edges=edges)
    found = edges.metrics()
    assert found is not None  # noqa: S101 - the photos have edges
    metrics = mean_over_images(scores)
    return {name: round(metrics[name], 4) for name in ("abs_rel", "rmse", "delta1")} | {
        name: round(value, 2) for name, value in asdict(found).items()
    }


def _time_ratio(samples: Sequence[Sample]) -> float:
    """The median time of a whole frame with guided enlargement, over that with bilinear."""
    model = ROOT / "zoo" / MODELS[0] / "int8.tflite"
    times: dict[UpsampleName, list[float]] = {way: [] for way in get_args(UpsampleName)}
    runners = {way: DepthRunner(model, upsample=way) for way in times}
    for sample in samples[:TIMED_FRAMES]:
        for way, runner in runners.items():
            begin_s = perf_counter()
            runner.infer(sample.rgb, channels="rgb")
            times[way].append(perf_counter() - begin_s)
    return round(float(np.median(times["guided"]) / np.median(times["bilinear"])), 3)


def write_document() -> None:
    """Write the decision's table from the result file."""
    write_table(DECISION, "upsampling", table(), by="python -m docs.scripts.measure_upsampling")


def table() -> str:
    """The decision's table, from the result file."""
    document = read_result(FIGURES)
    return markdown(
        (
            "network",
            "enlargement",
            "abs_rel",
            "rmse",
            "delta1",
            "edge accuracy",
            "edge completeness",
        ),
        [
            (
                f"`{row['model']}`",
                f"`{row['upsample']}`",
                f"{row['abs_rel']:.4f}",
                f"{row['rmse']:.3f} m",
                f"{row['delta1']:.4f}",
                f"{row['accuracy_px']:.2f} px",
                f"{row['completeness_px']:.2f} px",
            )
            for row in document["rows"]
        ],
    ) + (
        f"\n{document['images']} photos. A whole frame takes {document['time_ratio']:.2f} times "
        "as long with `guided`.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
