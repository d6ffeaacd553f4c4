"""The command, on a small network; and on a real one, on two of Keras' backends."""

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
from tests.support.small_training import RECIPE, small_net, train_eagerly, without_curves
from tests.support.synthetic_data import write_dataset
from tfl_depth import zoo
from tfl_depth.tools import train
from tfl_depth.training import loop
from tfl_depth.training.journal import LOG

ROOT = Path(__file__).resolve().parents[2]
TWO_STEPS = replace(RECIPE, encoder="pico", epochs=(1,), warmup_epochs=0)


def words(folder: Path) -> list[str]:
    """A recipe in a zoo entry, and a dataset for two steps, as arguments."""
    data = write_dataset(folder / "data", {"train": 5, "val": 2})
    (folder / "entry").mkdir()
    recipe = folder / "entry" / "recipe.json"
    recipe.write_text(json.dumps(asdict(TWO_STEPS)))
    return [str(recipe), "--data", str(data), "--run", str(folder / "run")]


def expect_entry(folder: Path) -> None:
    with (folder / "run" / LOG).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert 0 < float(row["loss"]) < 5
    metrics = json.loads((folder / "entry" / "metrics.json").read_text())
    assert metrics["images"] == 2
    for name in ("model.keras", "README.md"):
        assert (folder / "entry" / name).is_file()


def test_the_command_writes_a_zoo_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (loop, zoo):
        monkeypatch.setattr(module, "depth_net", small_net)
    train_eagerly(monkeypatch)
    without_curves(monkeypatch)
    assert train.main(words(tmp_path)) == 0
    expect_entry(tmp_path)
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{tmp_path / 'entry'}: abs_rel ")


# A minute of processor time each, to compile the training step of a real network.
@in_full
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_steps_of_a_real_network(tmp_path: Path, backend: str) -> None:
    done = subprocess.run(
        [ROOT / "tools" / "train", *words(tmp_path)],
        env={**os.environ, **QUICK_XLA, "KERAS_BACKEND": backend, "PATH": path_to_this_python()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expect_entry(tmp_path)


def path_to_this_python() -> str:
    """A PATH whose python3 is the one that runs the tests: the launchers take the first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
