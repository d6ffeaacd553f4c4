"""Training on two of Keras' backends: two steps of a real network, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.support.length import in_full
from tests.support.quick_xla import QUICK_XLA
from tests.support.synthetic_data import write_dataset
from tests.training.test_training import RECIPE
from tfl_depth.training.journal import LOG

ROOT = Path(__file__).resolve().parents[2]
TWO_STEPS = replace(RECIPE, encoder="pico", epochs=(1,), warmup_epochs=0)


@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=in_full)])
def test_two_steps_and_a_zoo_entry(tmp_path: Path, backend: str) -> None:
    data = write_dataset(tmp_path / "data", {"train": 5, "val": 2})
    entry = tmp_path / "entry"
    entry.mkdir()
    (entry / "recipe.json").write_text(json.dumps(asdict(TWO_STEPS)))
    done = subprocess.run(
        [
            ROOT / "tools" / "train",
            entry / "recipe.json",
            "--data",
            data,
            "--run",
            tmp_path / "run",
        ],
        env={**os.environ, **QUICK_XLA, "KERAS_BACKEND": backend, "PATH": path_to_this_python()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "run" / LOG).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert 0 < float(row["loss"]) < 5
    metrics = json.loads((entry / "metrics.json").read_text())
    assert metrics["images"] == 2
    assert (entry / "model.keras").is_file() and (entry / "README.md").is_file()


def path_to_this_python() -> str:
    """A PATH whose python3 is the one that runs the tests: the launchers take the first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
