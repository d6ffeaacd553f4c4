"""The laboratory's run: what is not measured yet is measured, and everything is written down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfl_depth.files import write_whole
from tfl_depth.strategy.attribution import attribute
from tfl_depth.strategy.budget import budget
from tfl_depth.strategy.candidates import Candidates
from tfl_depth.strategy.rows import (
    BEST_OF_ST1,
    CHECKPOINT,
    NAMED_LAYERS,
    ROWS,
    Row,
)
from tfl_depth.strategy.simulation import Simulation
from tfl_depth.strategy.subject import Subject
from tfl_depth.strategy.trial import Scores, measure

FP32, LONGER = "fp32", "longer"


class Lab:
    """Measures a subject's rows, each once.

    Args:
        subject: what is measured.
        work: a folder, to go on from after an interruption. What was measured of another checkpoint
            or other images stays there beside it.
    """

    def __init__(self, subject: Subject, work: Path) -> None:
        key = hashlib.sha256(
            f"{subject.sha256} {subject.max_depth_m} {subject.effort}".encode()
        ).hexdigest()
        self.work = work / key[:16]
        self.work.mkdir(parents=True, exist_ok=True)
        self._subject = subject
        self._candidates = Candidates(subject, self.work)
        self._simulation: Simulation | None = None
        self._rows: dict[str, dict[str, Any]] = {}

    def run(self) -> dict[str, Any]:
        """Measure what is missing; returns all results, as they go into the result file."""
        subject = self._subject
        attribution = self._once("attribution", "", lambda: attribute(subject, self._simulated()))
        rows = [row for row in ROWS if row.quick or not subject.effort.quick]
        for row in subject.progress(rows, len(rows), "rows"):
            self._rows[row.name] = self._measured(row, attribution)
        scores = self._rows[FP32]["scores"]
        shares = self._once("budget", "", lambda: budget(subject, self._simulated(), scores))
        return {
            "checkpoint": subject.name,
            "dataset": subject.dataset.name,
            "split": subject.split,
            "images": len(subject.samples),
            "max_depth_m": subject.max_depth_m,
            "effort": asdict(subject.effort),
            "checkpoint_sha256": hashlib.sha256(subject.checkpoint.read_bytes()).hexdigest(),
            "sha256": subject.sha256,
            "rows": {
                name: {key: value for key, value in row.items() if key != "scores"}
                for name, row in self._rows.items()
            },
            "attribution": attribution,
            "budget": shares,
        }

    def grid(self, name: str) -> Any:
        """What a row said of the scene for pictures, (h, w) in metres."""
        return np.load(self._grid_path(name))

    @property
    def scene(self) -> int:
        """The sample that pictures show: the one in the middle."""
        return len(self._subject.samples) // 2

    def _simulated(self) -> Simulation:
        if self._simulation is None:
            self._simulation = Simulation(self._subject)
        return self._simulation

    def _measured(self, row: Row, attribution: dict[str, Any]) -> dict[str, Any]:
        recipe = row.recipe
        if recipe == BEST_OF_ST1:
            recipe = best_of_st1(self._rows, row.per_channel)
        layers = None
        if row.layers == NAMED_LAYERS:
            layers = tuple(attribution[row.granularity]["named"])
        asked = replace(row, recipe=recipe)
        # What a row is called, and whether it belongs to a quick run, changes nothing measured.
        key = replace(asked, phase="", title="", quick=False)
        found = self._once(
            f"row {row.name}", f"{key} {layers}", lambda: self._try(asked, layers, attribution)
        )
        return {**asdict(asked), **found}

    def _try(
        self, row: Row, layers: tuple[str, ...] | None, attribution: dict[str, Any]
    ) -> dict[str, Any]:
        candidate = self._candidates.make(row, layers, attribution)
        trial = measure(candidate, self._subject, self._reference(row), self._float_model(row))
        if row.name == FP32:
            write_whole(self.work / "fp32.tflite", candidate.model)
        np.save(self._grid_path(row.name), trial.grids[self.scene])
        return {**trial.figures, "scores": trial.scores}

    def _reference(self, row: Row) -> Scores | None:
        """Scores of the float network that had as much training as the row's."""
        name = FP32 if row.network == CHECKPOINT else LONGER
        return None if row.name == name else self._rows[name]["scores"]

    def _float_model(self, row: Row) -> bytes | None:
        return None if row.name == FP32 else (self.work / "fp32.tflite").read_bytes()

    def _grid_path(self, name: str) -> Path:
        return self.work / f"scene {name}.npy"

    def _once(self, name: str, asked: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A result of an earlier run that was asked for alike, or a new one."""
        path = self.work / f"{name}.json"
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["asked"] == asked:
                return dict(kept["found"])
        found = make()
        write_whole(path, json.dumps({"asked": asked, "found": found}).encode())
        return found


def best_of_st1(rows: dict[str, dict[str, Any]], per_channel: bool) -> str:
    """The recipe of the calibration that keeps the depth nearest to FP32's."""
    tried = [
        row
        for row in rows.values()
        if row["phase"] in ("st1", "baseline")
        and row["network"] == CHECKPOINT
        and row["precision"] == "int8"
        and row["per_channel"] == per_channel
        and row["images"] == 100
    ]
    return str(min(tried, key=lambda row: row["fidelity"]["median_mm"])["recipe"])
