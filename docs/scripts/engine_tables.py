"""Tables of engines of proof, from docs/figures/engines.json, which `make engines` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docs.scripts import zoo_chart
from tfl_depth.proof import ENGINES
from tfl_depth.tables import markdown, with_table
from tfl_depth.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
RESULT = ROOT / "docs" / "figures" / "engines.json"
PROOF, TARGETS_PAGE = ROOT / "docs" / "proof.md", ROOT / "docs" / "targets.md"
Measured = dict[str, dict[str, dict[str, Any]]]


def read_engines() -> Measured:
    """What was measured: of each model, by each engine."""
    measured: Measured = json.loads(RESULT.read_text(encoding="utf-8"))
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


def with_run_table(targets: str, measured: Measured) -> str:
    """docs/targets.md with what was run for each target.

    Raises:
        DatasetError: the marks that the table stands between are missing.
    """
    engines = {engine for rows in measured.values() for engine in rows}
    vela = {target for times in zoo_chart.latencies().values() for target in times}
    rows: dict[str, list[str]] = {}
    for name, target in TARGETS.items():
        ran = [ENGINES[engine].title for engine in _engines_of(name, target) if engine in engines]
        if target.vela is not None and vela:
            ran.insert(0, "its compiler")
        if (target.htp_soc or target.rockchip) is not None and ran:
            ran.insert(0, "its compiler")
        rows.setdefault("; ".join(ran) or "nothing", []).append(f"`{name}`")
    lines = [[", ".join(names), ran] for ran, names in rows.items()]
    return with_table(targets, "run", markdown(["targets", "what was run"], lines))


def _engines_of(name: str, target: Target) -> tuple[str, ...]:
    """The engines of proof whose arithmetic a target has."""
    if target.vela is not None:
        return ("tosa", "tflm")
    if target.htp_soc is not None:
        return ("qnn-htp",)
    if target.rockchip is not None:
        return ("rknn",)
    return {"cpu": ("reference", "xnnpack"), "armnn": ("armnn",)}.get(name, ())
