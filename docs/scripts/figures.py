"""`make figures`: write the documents' tables and pictures from the result files."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docs.scripts import (
    benchmark_figures,
    demo_truth,
    engine_tables,
    measure_cameras,
    measure_fidelity,
    measure_fit,
    measure_int8_depth,
    measure_rates,
    measure_steadiness,
    measure_upsampling,
    zoo_chart,
)
from tfl_depth.files import write_whole
from tfl_depth.recipes import DEFAULT, DEFAULT_PER_TENSOR
from tfl_depth.strategy.experiments import GRANULARITIES, TITLES, Granularity, experiment_id
from tfl_depth.strategy.results import RESULTS, ExperimentResult, StudyResults, read_results
from tfl_depth.strategy.study_scene import write_charts
from tfl_depth.tables import markdown, with_table
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
ZOO_README = ROOT / "zoo" / "README.md"
# What `tfl-depth strategy` has measured, and the network whose INT8 README.md shows.
STRATEGY = ROOT / "docs" / "strategy"
SHOWN = "lite0-nyu-192x256"
USUAL_ROW, DEFAULT_ROW = "one INT8 output", "**tfl-depth, the default recipe**"
DEFAULTS: dict[Granularity, str] = {"per_channel": DEFAULT, "per_tensor": DEFAULT_PER_TENSOR}
ZOO = sorted(ROOT.glob("zoo/*/metrics.json"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = make_parser(
        "figures", "Write the documents' tables and pictures from the result files.", "make figures"
    )
    parser.parse_args(argv)
    return command_run.run(write_documents)


def write_documents() -> None:
    """Write the tables and pictures of all documents from the result files."""
    write_whole(README, with_tables(README.read_text(encoding="utf-8")).encode())
    write_whole(ZOO_README, with_zoo_tables(ZOO_README.read_text(encoding="utf-8")).encode())
    write_whole(zoo_chart.PICTURE, zoo_chart.zoo_picture(zoo_chart.latencies(), _zoo()))
    for path in STRATEGY.glob(f"*/{RESULTS}"):
        write_charts(path.parent, read_results(path))
    benchmark_figures.write_document()
    measure_fit.write_document()
    measure_fidelity.write_document()
    measure_int8_depth.write_document()
    measure_cameras.write_document()
    measure_upsampling.write_document()
    measure_steadiness.write_document()
    measure_rates.write_document()
    demo_truth.write_document()
    write_engines()


def write_engines() -> None:
    """Write the tables of engines of proof."""
    measured = engine_tables.read_engines()
    proof, targets = engine_tables.PROOF, engine_tables.TARGETS_PAGE
    made = engine_tables.with_engine_tables(proof.read_text(encoding="utf-8"), measured)
    write_whole(proof, made.encode())
    made = engine_tables.with_run_column(targets.read_text(encoding="utf-8"), measured)
    write_whole(targets, made.encode())


def with_tables(readme: str) -> str:
    """README.md with its table made from the result file.

    Raises:
        DatasetError: the marks that a table stands between are missing.
    """
    return with_table(readme, "int8", int8_table(read_results(STRATEGY / SHOWN / RESULTS)))


def with_zoo_tables(readme: str) -> str:
    """zoo/README.md with its tables made from the result files.

    Raises:
        DatasetError: the marks that a table stands between are missing.
    """
    readme = with_table(readme, "zoo", zoo_table(_zoo()))
    return with_table(readme, "latency", latency_table(zoo_chart.latencies()))


def _zoo() -> dict[str, dict[str, Any]]:
    """The metrics.json of each checkpoint."""
    return {path.parent.name: _read(path) for path in ZOO}


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def zoo_table(entries: dict[str, dict[str, Any]]) -> str:
    """The checkpoints, from their metrics.json, as a Markdown table."""
    head = ("checkpoint", "parameters", "MACs", "measured on", "abs_rel", "rmse", "delta1")
    rows = []
    for name, entry in entries.items():
        metrics = entry["metrics"]
        cells = [
            f"[`{name}`]({name}/README.md)",
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


def int8_table(results: StudyResults) -> str:
    """What INT8 costs a network: two rows for each granularity of the weights."""
    abs_rel = results.experiments["fp32"].metrics["abs_rel"]
    head = ["INT8 file", "weights", "abs_rel", f"change from FP32 ({abs_rel:.4f})"]
    head += ["deviation: median", "95 %", "distinct depths"]
    lines = [
        _int8_cells(title, results.experiments[experiment_id(name, granularity)])
        for granularity in GRANULARITIES
        for name, title in (("int8", USUAL_ROW), (DEFAULTS[granularity], DEFAULT_ROW))
    ]
    return markdown(head, lines)


def _int8_cells(title: str, found: ExperimentResult) -> list[str]:
    change = found.change["abs_rel"]
    return [
        title,
        TITLES[found.experiment.granularity],
        f"{found.metrics['abs_rel']:.4f}",
        f"{change.relative:+.1%} [{change.low:+.1%}, {change.high:+.1%}]",
        f"{found.deviation.median_mm:.0f} mm",
        f"{found.deviation.p95_mm:.0f} mm",
        f"{found.banding.levels:,}",
    ]


if __name__ == "__main__":
    sys.exit(main())
