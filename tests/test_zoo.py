"""The bundled checkpoints, their cards, and the figures in README.md."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import tfl_depth.models  # noqa: F401 - registers our layers
from tests.real_data import real_data
from tfl_depth.data import DATASETS, load_split
from tfl_depth.evaluation import evaluate, keras_predictor
from tfl_depth.metrics import METRICS, mean_over_images
from tfl_depth.tools import figures
from tfl_depth.zoo import model_card

ROOT = Path(__file__).resolve().parent.parent
ENTRIES = sorted(path.parent for path in ROOT.glob("zoo/*/model.keras"))
# Entry: images measured, and the abs_rel that it must not exceed.
PROMISED = {
    "lite0-nyu-192x256": (168, 0.180),
    "lite0-redkitchen-192x256": (50, 0.0434),
    "pico-nyu-192x256": (168, 0.2825),
    "resnet18-redkitchen-192x256": (50, 0.0434),
}


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry.name)
def entry(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_the_promised_checkpoints_are_there() -> None:
    assert {entry.name for entry in ENTRIES} == PROMISED.keys()


def test_it_is_as_good_as_promised(entry: Path) -> None:
    measured = json.loads((entry / "metrics.json").read_text())
    images, abs_rel = PROMISED[entry.name]
    assert measured["images"] == images
    assert measured["metrics"]["abs_rel"] <= abs_rel


def test_the_card_says_what_metrics_json_says(entry: Path) -> None:
    metrics = json.loads((entry / "metrics.json").read_text())
    assert (entry / "README.md").read_text() == model_card(entry.name, metrics)


def test_it_was_trained_by_the_recipe_beside_it(entry: Path) -> None:
    recipe = json.loads((entry / "metrics.json").read_text())["recipe"]
    assert recipe == json.loads((entry / "recipe.json").read_text())


def test_weights_are_stored_in_half_precision_and_loaded_in_single(entry: Path) -> None:
    with zipfile.ZipFile(entry / "model.keras") as archive:
        content = archive.read("model.weights.h5")
    dtypes = set()
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda _, item: dtypes.add(getattr(item, "dtype", None)))
    assert dtypes - {None} == {np.dtype(np.float16)}
    model = keras.saving.load_model(entry / "model.keras", compile=False)
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}


def test_its_figures_come_out_again_on_the_real_images(entry: Path) -> None:
    metrics = json.loads((entry / "metrics.json").read_text())
    dataset = metrics["dataset"]
    model = keras.saving.load_model(entry / "model.keras", compile=False)
    samples = load_split(dataset, real_data(dataset), metrics["split"])
    measured = mean_over_images(evaluate(keras_predictor(model), samples, DATASETS[dataset]))
    for name in METRICS:
        assert measured[name] == pytest.approx(metrics["metrics"][name], rel=1e-3)


def test_readme_shows_the_figures_of_the_result_file() -> None:
    readme = figures.README.read_text(encoding="utf-8")
    assert figures.with_tables(readme) == readme


def test_the_result_file_is_of_the_bundled_checkpoint() -> None:
    rows = json.loads(figures.RESULTS.read_text())["rows"]
    metrics = json.loads((ROOT / "zoo/lite0-nyu-192x256/metrics.json").read_text())["metrics"]
    assert rows["FP32"]["metrics"]["abs_rel"] == pytest.approx(metrics["abs_rel"], rel=1e-3)
