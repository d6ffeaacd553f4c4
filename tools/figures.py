"""`make figures`: measure what INT8 costs, and write the documents' tables and pictures.

python -m tfl_depth.tools.figures --data DIR    measure, write the result file and the tables
python -m tfl_depth.tools.figures               write the tables from the result files
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfl_depth.encoding import Spans
from tfl_depth.files import write_whole
from tfl_depth.quiet import quiet
from tfl_depth.tools import command, speed, zoo_picture
from tfl_depth.tools.tables import markdown, with_table

if TYPE_CHECKING:
    from tfl_depth.converters import Conversion, ImageSplit
    from tfl_depth.data import Sample
    from tfl_depth.evaluation import Predictor

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
ZOO_README = ROOT / "zoo" / "README.md"
RESULTS = ROOT / "docs" / "figures" / "int8.json"
ENTRY = "lite0-nyu-192x256"
MAX_DEPTH_M = 10.0
# How each row of the INT8 table is converted.
INT8_ROWS: dict[str, dict[str, Any]] = {
    "INT8, one tensor": {"head": "single", "recipe": "plain"},
    "INT8, exact split": {"recipe": "plain"},
    "INT8, exact split, `--recipe learned`": {"recipe": "learned"},
    "INT8, weights per tensor": {"per_channel": False, "recipe": "plain"},
    "INT8, weights per tensor, `--recipe learned`": {"per_channel": False, "recipe": "learned"},
}
ZOO = sorted(ROOT.glob("zoo/*/metrics.json"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = command.parser(
        "figures",
        "Measure what INT8 costs, and write the documents' tables and pictures.",
        "make figures",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="NYU: measure anew")
    options = parser.parse_args(argv)
    return command.run(lambda: _figures(options.data))


def _figures(data: Path | None) -> None:
    if data is not None:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        write_whole(RESULTS, (json.dumps(measure(data), indent=2) + "\n").encode())
    write_documents()


def write_documents() -> None:
    """Write the tables and pictures of all documents from the result files."""
    write_whole(README, with_tables(README.read_text(encoding="utf-8")).encode())
    write_whole(ZOO_README, with_zoo_tables(ZOO_README.read_text(encoding="utf-8")).encode())
    write_whole(zoo_picture.PICTURE, zoo_picture.zoo_picture(zoo_picture.latencies(), _zoo()))
    speed.write_document()


def with_tables(readme: str) -> str:
    """README.md with its tables made from the result files.

    Raises:
        DatasetError: the marks that a table stands between are missing.
    """
    readme = with_table(readme, "int8", int8_table(_read(RESULTS)))
    return with_table(readme, "zoo", zoo_table(_zoo(), "zoo/"))


def with_zoo_tables(readme: str) -> str:
    """zoo/README.md with its tables made from the result files.

    Raises:
        DatasetError: the marks that a table stands between are missing.
    """
    readme = with_table(readme, "zoo", zoo_table(_zoo(), ""))
    return with_table(readme, "latency", latency_table(zoo_picture.latencies()))


def _zoo() -> dict[str, dict[str, Any]]:
    """The metrics.json of each checkpoint."""
    return {path.parent.name: _read(path) for path in ZOO}


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def zoo_table(entries: dict[str, dict[str, Any]], folder: str) -> str:
    """The checkpoints, from their metrics.json, as a Markdown table; links begin with `folder`."""
    head = ("checkpoint", "parameters", "MACs", "measured on", "abs_rel", "rmse", "delta1")
    rows = []
    for name, entry in entries.items():
        metrics = entry["metrics"]
        cells = [
            f"[`{name}`]({folder}{name}/README.md)",
            f"{entry['parameters'] / 1e6:.1f} M",
            f"{entry['macs'] / 1e9:.2f} G",
            f"{entry['dataset']} {entry['split']}, {entry['images']} images",
            *_accuracy(metrics),
        ]
        rows.append(cells)
    return markdown(head, rows)


def latency_table(latency_ms: dict[str, dict[str, float]]) -> str:
    """Milliseconds of each checkpoint on each target, as a Markdown table."""
    targets = list(next(iter(latency_ms.values())))
    rows = [
        [f"`{name}`", *(f"{times[target]:.1f} ms" for target in targets)]
        for name, times in latency_ms.items()
    ]
    return markdown(["checkpoint", *(f"`{target}`" for target in targets)], rows)


def _accuracy(metrics: dict[str, float]) -> list[str]:
    return [
        f"{metrics['abs_rel']:.4f}",
        f"{metrics['rmse']:.3f} m",
        f"{metrics['delta1']:.4f}",
    ]


def int8_table(results: dict[str, Any]) -> str:
    """What INT8 costs, as a Markdown table."""
    head = (
        "network",
        "abs_rel",
        "rmse",
        "delta1",
        "from FP32: median",
        "95 %",
        "depths told apart",
    )
    rows = []
    for name, row in results["rows"].items():
        metrics, fidelity = row["metrics"], row["fidelity"]
        cells = [name, *_accuracy(metrics)]
        cells += [f"{fidelity[key]:.0f} mm" if fidelity else "-" for key in ("median_mm", "p95_mm")]
        cells.append(f"{row['levels']:,}" if fidelity else "-")
        rows.append(cells)
    return markdown(head, rows)


def measure(data: Path) -> dict[str, Any]:
    """Convert the bundled network, calibrated on NYU's training images, and measure on its val."""
    with quiet():
        from tfl_depth.converters import ImageSplit
        from tfl_depth.converters.representative import split_images
        from tfl_depth.data import load_split, photos
        from tfl_depth.evaluation import keras_predictor
        from tfl_depth.models import load_model
    model = load_model(ROOT / "zoo" / ENTRY / "model.keras")
    samples = load_split("nyuv2", data, "val")
    images = split_images(photos("nyuv2", data, "train"), samples=100, seed=0)
    # Measured on every image of val, none of which calibrates.
    images = ImageSplit(images.calibration, tuple(photos("nyuv2", data, "val")), images.seed)
    rows = {"FP32": {**_metrics(keras_predictor(model), samples), "fidelity": None}}
    for name, arguments in INT8_ROWS.items():
        rows[name] = _int8(model, images, arguments, samples)
    return {
        "checkpoint": ENTRY,
        "dataset": "nyuv2",
        "split": "val",
        "images": len(samples),
        "rows": rows,
    }


def _int8(
    model: Any, images: ImageSplit, arguments: dict[str, Any], samples: Sequence[Sample]
) -> dict[str, Any]:
    from tfl_depth.converters import convert
    from tfl_depth.evaluation import runner_predictor
    from tfl_depth.runtime import DepthRunner

    conversion: Conversion = convert(
        model,
        images=images,
        spans=Spans.uniform(MAX_DEPTH_M),
        progress=command.progress,
        **arguments,
    )
    with DepthRunner(conversion.model) as runner:
        row = _metrics(runner_predictor(runner), samples)
        grids = [runner.infer(s.rgb, size="model", channels="rgb") for s in samples]
    seen = np.unique(np.stack(grids))
    return {**row, "levels": int(seen.size), "fidelity": conversion.contract.verification}


def _metrics(predict: Predictor, samples: Sequence[Sample]) -> dict[str, Any]:
    from tfl_depth.data import DATASETS
    from tfl_depth.evaluation import evaluate
    from tfl_depth.metrics import mean_over_images

    shown = command.progress(samples, len(samples), "evaluate")
    return {"metrics": mean_over_images(evaluate(predict, shown, DATASETS["nyuv2"]))}


if __name__ == "__main__":
    sys.exit(main())
