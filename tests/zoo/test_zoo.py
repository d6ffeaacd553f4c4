"""The bundled checkpoints, their cards, and the figures in README.md."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np
import numpy.typing as npt
import pytest

from docs.scripts import figures, zoo_chart, zoo_latency
from tests.support.length import in_full
from tests.support.real_data import real_data
from tfl_depth.converters.importers.tflite import TfliteRunner
from tfl_depth.converters.zoo_models import float_model
from tfl_depth.data import DATASETS, load_split
from tfl_depth.errors import ConversionError
from tfl_depth.evaluation.evaluate import evaluate, keras_predictor
from tfl_depth.evaluation.metrics import METRICS, mean_over_images
from tfl_depth.models import load_model
from tfl_depth.strategy.results import read_results
from tfl_depth.zoo import model_card
from tfl_depth.zoo_folder import CHECKPOINT, FLOAT, ZooEntry, zoo_entry

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = sorted(path.parent for path in ROOT.glob("zoo/*/model.keras"))
# Entry: images measured, and the abs_rel that it must not exceed.
PROMISED = {
    "lite0-nyu-192x256": (168, 0.180),
    "lite0-nyu-focal-192x256": (168, 0.179),
    "lite0-redkitchen-192x256": (50, 0.0434),
    "lite0-short-nyu-192x256": (168, 0.2045),
    "pico-nyu-192x256": (168, 0.2179),
    "resnet18-redkitchen-192x256": (50, 0.0434),
}

# Those with a report in docs/strategy.
STUDIED = sorted(path.parent.name for path in figures.STRATEGY.glob("*/results.json"))


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


def test_weights_are_stored_in_half_precision(entry: Path) -> None:
    with zipfile.ZipFile(entry / "model.keras") as archive:
        content = archive.read("model.weights.h5")
    dtypes = set()
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda _, item: dtypes.add(getattr(item, "dtype", None)))
    assert dtypes - {None} == {np.dtype(np.float16)}


def test_weights_are_loaded_in_single_precision() -> None:
    path = zoo_entry("pico-nyu").folder / CHECKPOINT
    model = keras.saving.load_model(path, compile=False)
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}


def test_a_float_file_is_made_of_its_checkpoint(tmp_path: Path) -> None:
    shipped = zoo_entry("pico-nyu")
    shutil.copy(shipped.folder / CHECKPOINT, tmp_path)
    made = float_model(ZooEntry(tmp_path))
    pixels = np.random.default_rng(4).uniform(0, 255, (1, 192, 256, 3)).astype(np.float32)
    (expected,) = TfliteRunner((shipped.folder / FLOAT).read_bytes())(pixels)
    (found,) = TfliteRunner(made.read_bytes())(pixels)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert ZooEntry(tmp_path).ready == (made,)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("lite0-nyu-192x256", marks=in_full),
        pytest.param("lite0-redkitchen-192x256", marks=in_full),
        "pico-nyu-192x256",
        pytest.param("resnet18-redkitchen-192x256", marks=in_full),
    ],
)
def test_its_figures_come_out_again_on_the_real_images(name: str) -> None:
    entry = ROOT / "zoo" / name
    metrics = json.loads((entry / "metrics.json").read_text())
    dataset = metrics["dataset"]
    model = keras.saving.load_model(entry / "model.keras", compile=False)
    samples = load_split(dataset, real_data(dataset), metrics["split"])
    measured = mean_over_images(evaluate(keras_predictor(model), samples, DATASETS[dataset]))
    for name in METRICS:
        assert measured[name] == pytest.approx(metrics["metrics"][name], rel=1e-3)


@pytest.mark.parametrize("name", ["absent", "folder.keras"])
def test_a_missing_checkpoint_says_where_the_zoo_is(name: str, tmp_path: Path) -> None:
    (tmp_path / "zoo" / "folder.keras").mkdir(parents=True)
    with pytest.raises(ConversionError, match=r"no model .* come with tfl-depth's repo"):
        load_model(tmp_path / "zoo" / name)
    with pytest.raises(ConversionError, match=r"no model \S+\.$"):
        load_model(tmp_path / name)


def test_readmes_show_the_figures_of_the_result_files() -> None:
    for path, with_tables in (
        (figures.README, figures.with_tables),
        (figures.ZOO_README, figures.with_zoo_tables),
    ):
        readme = path.read_text(encoding="utf-8")
        assert with_tables(readme) == readme


def test_every_checkpoint_was_measured_for_the_picture() -> None:
    """`make figures-zoo` does it."""
    entries = json.loads(zoo_chart.RESULTS.read_text())["entries"]
    assert {name: entry["sha256"] for name, entry in entries.items()} == {
        path.parent.name: zoo_latency.digest(path) for path in zoo_latency.CHECKPOINTS
    }
    assert all(tuple(entry["targets"]) == zoo_latency.NPUS for entry in entries.values())


def test_the_picture_shows_the_figures_of_the_result_files() -> None:
    metrics = {path.parent.name: json.loads(path.read_text()) for path in figures.ZOO}
    drawn = as_pixels(zoo_chart.zoo_picture(zoo_chart.latencies(), metrics))
    shown = as_pixels(zoo_chart.PICTURE.read_bytes())
    assert shown.shape == drawn.shape
    # But for how another processor draws a line's edge.
    assert np.abs(shown.astype(int) - drawn).mean() < 0.5
    slower = {
        name: {**times, "ethos-u55-128": 400} for name, times in zoo_chart.latencies().items()
    }
    other = as_pixels(zoo_chart.zoo_picture(slower, metrics))
    assert np.abs(other.astype(int) - drawn).mean() > 1


def as_pixels(png: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_the_front_is_what_no_other_beats() -> None:
    points = [(3.0, 0.3), (1.0, 0.5), (2.0, 0.6), (4.0, 0.3), (5.0, 0.1), (1.0, 0.7)]
    assert zoo_chart.pareto_front(points) == [(1.0, 0.5), (3.0, 0.3), (5.0, 0.1)]
    assert zoo_chart.pareto_front([]) == []


@pytest.mark.parametrize("name", STUDIED)
def test_int8_was_measured_of_the_bundled_checkpoint(name: str) -> None:
    """`make strategy` does it."""
    assert figures.SHOWN in STUDIED
    results = read_results(figures.STRATEGY / name / "results.json")
    assert results.source_sha256 == zoo_latency.digest(ROOT / "zoo" / name / "model.keras")
