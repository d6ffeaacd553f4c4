"""The report of a command on a board: for JSON, as text, and as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tfl_depth
from tfl_depth.boards import RemoteBoard
from tfl_depth.files import write_together
from tfl_depth.tools.lib.html_page import html_page, html_table
from tfl_depth.tools.lib.inspect_text import Row, Section

Report = dict[str, Any]


def board_report(
    board: RemoteBoard,
    tool: str,
    model: Path | None,
    result: Mapping[str, Any],
    conditions: Mapping[str, Any] | None,
) -> Report:
    """The report of one command.

    Args:
        board: the board.
        tool: name of the command.
        model: the file, or None for a command without one.
        result: the command's own JSON.
        conditions: temperatures and clocks, "before" and "after".

    Returns:
        Values for JSON. "placement", "time_ms" and "millimeters" are None if the command does not
        measure them.
    """
    return {
        "tool": tool,
        "model": None if model is None else str(model),
        "tfl_depth": tfl_depth.__version__,
        "board": {
            "name": board.entry.name,
            "address": board.entry.address,
            **board.facts.as_report(),
        },
        **_findings(tool, result),
        "conditions": conditions,
        "sent_bytes": board.sent_bytes,
        "result": dict(result),
    }


def write_board_report(page: Path, report: Report) -> None:
    """Write a report as a page, and as a .json beside it."""
    title = f"tfl-depth {report['tool']} on {report['board']['name']}"
    body = "".join(map(html_table, report_sections(report)))
    write_together(
        {
            page: html_page(title, body).encode(errors="replace"),
            page.with_suffix(".json"): (json.dumps(report, indent=2) + "\n").encode(),
        }
    )


def report_sections(report: Report) -> Iterator[Section]:
    """The report for people."""
    yield Section("board", [*_board_rows(report)])
    if report["placement"] is not None:
        yield Section("placement", [*_placement_rows(report["placement"])])
    if report["time_ms"]:
        rows = [(name, f"{value:.3f} ms") for name, value in report["time_ms"].items()]
        yield Section("time of the network", rows)
    if report["millimeters"] is not None:
        yield Section("depth", [*_depth_rows(report["millimeters"])])
    if report["conditions"] is not None:
        yield Section("temperature and clock", [*_condition_rows(report["conditions"])])


def _findings(tool: str, result: Mapping[str, Any]) -> Report:
    """Placement, time and millimeters from the results of a command."""
    found: Report = {"placement": None, "time_ms": None, "millimeters": None}
    if tool == "doctor":
        return {**found, **_of_doctor(result)}
    if tool == "benchmark":
        found["time_ms"] = result["times_ms"]["invoke"]
    elif "time_ms" in result:
        found["time_ms"] = result["time_ms"]
    if tool == "prove":
        names = ("verdict", "median_mm", "p95_mm", "max_mm", "tolerance")
        found["millimeters"] = {name: result[name] for name in names}
    if tool == "evaluate":
        found["millimeters"] = result["metrics"]
    return {**found, "placement": result.get("placement")}


def _of_doctor(result: Mapping[str, Any]) -> Report:
    runs = [run for run in result["runs"] or () if run["state"] == "works"]
    if not runs:
        return {}
    run = runs[0]
    return {
        "placement": {name: run[name] for name in ("delegate", "taken", "operators")},
        "time_ms": {"first": 1000 * run["first_s"], "steady": 1000 * run["steady_s"]},
        "millimeters": None if run["proof"] is None else {"proof": run["proof"]},
    }


def _board_rows(report: Report) -> Iterator[Row]:
    board = report["board"]
    yield "name", f"{board['name']} ({board['address']})"
    yield "board", board["description"]
    yield "system", f"{board['system'] or 'unknown'}, kernel {board['kernel']}"
    yield "python", f"{board['python']} on {board['machine']}"
    yield "interpreter", board["interpreter"] or "none"
    yield "tfl-depth", report["tfl_depth"]


def _placement_rows(placement: Mapping[str, Any]) -> Iterator[Row]:
    if placement["delegate"] in (None, "cpu"):
        yield "operators", f"all {placement['operators']} on the CPU"
        return
    taken = f"{placement['taken']} of {placement['operators']}"
    yield "operators", f"{taken} on the delegate {placement['delegate']}"
    for kind, count in placement.get("left", {}).items():
        yield "on the CPU", f"{count} {kind}"


def _depth_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    for name, value in found.items():
        if name == "tolerance":
            yield "allowed", ", ".join(f"{each} {mm:.1f}" for each, mm in value.items())
        else:
            yield name, f"{value:.4g}" if isinstance(value, float) else str(value)


def _condition_rows(conditions: Mapping[str, Any]) -> Iterator[Row]:
    before, after = conditions["before"], conditions["after"]
    for kind, unit in (("temperature_c", "°C"), ("clock_mhz", "MHz")):
        for name, value in before[kind].items():
            later = after[kind].get(name)
            end = "" if later is None else f" before, {later:.0f} {unit} after"
            yield name, f"{value:.0f} {unit}{end}"
    if not any(before.values()):
        yield "sensors", "the board reports no temperature and no clock"
