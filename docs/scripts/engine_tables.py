"""Tables of engines of proof, from docs/figures/engines.json, which `make engines` writes."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from docs.scripts import zoo_chart
from docs.scripts.result_file import read_result
from tfl_depth.errors import DatasetError
from tfl_depth.proof import ENGINES
from tfl_depth.tables import markdown, table_in, with_table
from tfl_depth.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "docs" / "figures" / "engines.json"
PROOF, TARGETS_PAGE = ROOT / "docs" / "proof.md", ROOT / "docs" / "targets.md"
Measured = dict[str, dict[str, dict[str, Any]]]


def read_engines() -> Measured:
    """What was measured: of each model, by each engine."""
    measured: Measured = read_result(RESULT)
    return measured


def with_engine_tables(proof: str, measured: Measured) -> str:
    """docs/proof.md with its tables.

    Raises:
        DatasetError: the marks that a table stands between are missing.
    """
    ramps = {name: rows for name, rows in measured.items() if name.startswith("ramp-")}
    networks = {name: rows for name, rows in measured.items() if name not in ramps}
    proof = with_table(proof, "ramps", engine_table(ramps, "exactness"))
    return with_table(proof, "networks", engine_table(networks, "distance"))


def engine_table(measured: Measured, what: str) -> str:
    """A row for each model and engine."""
    head = ["model", "engine", f"{what}: median", "95 %", "worst", "bytes of the reference"]
    rows = [
        [f"`{model}`", f"`{engine}`", *map(_millimeters, _measures(found)), _same(found)]
        for model, engines in measured.items()
        for engine, found in engines.items()
    ]
    return markdown(head, rows)


def _measures(found: dict[str, Any]) -> list[float]:
    return [found[name] for name in ("median_mm", "p95_mm", "max_mm")]


def _millimeters(value: float) -> str:
    return f"{value:.1f} mm"


def _same(found: dict[str, Any]) -> str:
    return {True: "all", False: "not all", None: "not compared"}[found["byte_for_byte"]]


def with_run_column(targets: str, measured: Measured) -> str:
    """docs/targets.md with what was run for each target, in the last column of its table.

    Raises:
        DatasetError: the marks around the table are missing, or the targets of a row differ in what
            was run.
    """
    head, _line, *rows = map(_cells, table_in(targets, "targets").splitlines())
    made = [[*row[:-1], _run_for_row(row[0], measured)] for row in rows]
    return with_table(targets, "targets", markdown(head, made))


def targets_of(cell: str) -> list[str]:
    """The targets that a row's first cell names, by names or patterns like `ethos-u55-*`."""
    patterns = re.findall("`([^`]+)`", cell)
    return [name for name in TARGETS if any(fnmatchcase(name, each) for each in patterns)]


def _cells(row: str) -> list[str]:
    return row.strip("| ").split(" | ")


def _run_for_row(cell: str, measured: Measured) -> str:
    ran = {_run_for(name, TARGETS[name], measured) for name in targets_of(cell)}
    if len(ran) != 1:
        raise DatasetError(f"Expected that one thing was run for {cell}, got {sorted(ran)}.")
    return ran.pop()


def _run_for(name: str, target: Target, measured: Measured) -> str:
    engines = {engine for rows in measured.values() for engine in rows}
    ran = [ENGINES[engine].title for engine in _engines_of(name, target) if engine in engines]
    compiled_here = target.htp_soc is not None or target.rockchip is not None
    timed = {each for times in zoo_chart.latencies().values() for each in times}
    if (target.vela is not None and timed) or (compiled_here and ran):
        ran.insert(0, "its compiler")
    return "; ".join(ran) or "nothing"


def _engines_of(name: str, target: Target) -> tuple[str, ...]:
    """The engines of proof whose arithmetic a target has."""
    if target.vela is not None:
        return ("tosa", "tflm")
    if target.htp_soc is not None:
        return ("qnn-htp",)
    if target.rockchip is not None:
        return ("rknn",)
    return {"cpu": ("reference", "xnnpack"), "armnn": ("armnn",)}.get(name, ())
