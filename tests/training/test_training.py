"""Training: what it leaves behind, and that an interruption changes nothing."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support.length import in_full
from tests.support.small_training import RECIPE, small_net, train_eagerly, without_curves
from tests.support.synthetic_data import write_dataset
from tfl_depth.data import DATASETS, load_split
from tfl_depth.data.batches import Batches
from tfl_depth.errors import DatasetError, DepthError, ModelFileError
from tfl_depth.evaluation.evaluate import evaluate, keras_predictor
from tfl_depth.evaluation.metrics import METRICS, mean_over_images
from tfl_depth.training import TrainConfig, epochs, loop, train
from tfl_depth.training.epochs import BEST, STATE, Epochs
from tfl_depth.training.journal import CURVES, EVENTS, LOG
from tfl_depth.training.optimizer import make_optimizer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _small_net(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "depth_net", small_net)
    train_eagerly(monkeypatch)
    without_curves(monkeypatch)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "data", {"train": 7, "val": 3})


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    run = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "depth_net", small_net)
        train_eagerly(patch)
        train(RECIPE, data, run)
    return run


# Recipes


def write_recipe(path: Path, **changes: Any) -> Path:
    values = {**asdict(RECIPE), **changes}
    path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))
    return path


def test_recipe_is_read_as_written(tmp_path: Path) -> None:
    assert TrainConfig.load(write_recipe(tmp_path / "recipe.json")) == RECIPE


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("zoo/*/recipe.json")), ids=lambda p: p.parent.name
)
def test_the_recipes_of_the_zoo_can_be_read(path: Path) -> None:
    recipe = TrainConfig.load(path)
    assert (recipe.height % 32, recipe.width % 32) == (0, 0)


@pytest.mark.parametrize(
    "changes",
    [{"seed": None}, {"momentum": 0.9}, {"seed": None, "sead": 1}],
    ids=["missing", "unknown", "misspelt"],
)
def test_recipe_with_other_fields_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="to hold"):
        TrainConfig.load(write_recipe(tmp_path / "recipe.json", **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": "ten"}, "width in .* to be int, got 'ten'"),
        ({"width": 2.5}, "width in .* to be int"),
        ({"width": True}, "width in .* to be int"),
        ({"epochs": 3}, "epochs in .* to be a list of int, got 3"),
        ({"epochs": [2, 1.5]}, "epochs in .* to be a list of int"),
        ({"learning_rate": ["high"]}, "learning_rate in .* to be a list of float"),
        ({"dropout": [0.1]}, "dropout in .* to be float"),
        ({"dataset": 5}, "dataset in .* to be one of nyuv2, .*, got 5"),
        ({"dataset": "nyu"}, "dataset in .* to be one of nyuv2, .*, got 'nyu'"),
        ({"encoder": "resnet"}, "encoder in .* to be one of efficientnet_lite0, .*, got"),
        ({"loss": "l2"}, "loss in .* to be one of berhu, .*, got 'l2'"),
        ({"dtype_policy": "float16"}, "dtype_policy in .* to be one of float32"),
        ({"epochs": []}, "epochs in .* to be a list of positive numbers"),
        ({"epochs": [3, 0], "learning_rate": [0.1, 0.1]}, "epochs in .* of positive numbers"),
        ({"epochs": [3, 2]}, "learning_rate in .* to be 2 numbers, as epochs"),
        ({"width": -64}, "width in .* to be positive"),
        ({"warmup_epochs": 3}, "warmup_epochs in .* to be below 3 epochs, got 3"),
        ({"patience_epochs": -1}, "patience_epochs in .* to be 0 or more"),
        ({"dropout": 1.0}, "dropout in .* to be from 0 to below 1"),
        ({"encoder_rate": 0.0}, "encoder_rate in .* to be above 0"),
        ({"zoom_share": 1.5}, "zoom_share in .* to be from 0 to 1"),
        ({"teachers": "a.keras"}, "teachers in .* to be a list of str"),
        ({"teacher_share": 0.5}, "teacher_share in .* to be 0 without teachers"),
        ({"mixed_share": 0.5}, "mixed_share in .* to be 0 without teachers"),
        ({"teachers": ["a.keras"], "mixed_share": 1.5}, "mixed_share in .* to be from 0 to 1"),
        ({"frozen_batch_norm": 1}, "frozen_batch_norm in .* to be bool, got 1"),
        ({"frozen_batch_norm": True}, "frozen_batch_norm in .* to be false without a start"),
        ({"frozen_batch_norm": True, "start": "imagenet"}, "to be false without a start"),
        ({"max_zoom": 0.9}, "max_zoom in .* to be 1 or more"),
        ({"min_zoom": 0.0}, "min_zoom in .* to be above 0, to 1"),
    ],
)
def test_recipe_with_wrong_values_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig.load(write_recipe(tmp_path / "recipe.json", **changes))


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "7"])
def test_recipe_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(ValueError):
        TrainConfig.load(path)


def test_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        TrainConfig.load(tmp_path / "recipe.json")


# A whole run


def log_of(run: Path) -> list[dict[str, float]]:
    with (run / LOG).open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def best_of(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / BEST).read_text()))


def test_run_leaves_its_files_and_nothing_else(whole: Path) -> None:
    assert {path.name for path in whole.iterdir()} == {
        "best.keras",
        "recipe.json",
        BEST,
        CURVES,
        EVENTS,
        LOG,
        STATE,
    }
    assert TrainConfig.load(whole / "recipe.json") == RECIPE


def test_log_has_a_row_of_loss_and_metrics_for_each_epoch(whole: Path) -> None:
    rows = log_of(whole)
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert list(rows[0]) == ["epoch", "loss", "learning_rate", *(f"val_{name}" for name in METRICS)]
    assert all(row["loss"] > 0 for row in rows)


def test_best_is_the_epoch_of_the_least_abs_rel(whole: Path) -> None:
    rows, best = log_of(whole), best_of(whole)
    assert best["epoch"] == np.argmin([row["val_abs_rel"] for row in rows])
    for name in METRICS:
        assert rows[best["epoch"]][f"val_{name}"] == pytest.approx(best["metrics"][name], rel=1e-5)


def test_best_model_is_what_was_measured(whole: Path, data: Path) -> None:
    model = keras.saving.load_model(whole / "best.keras", compile=False)
    samples = load_split("nyuv2", data, "val")
    metrics = mean_over_images(evaluate(keras_predictor(model), samples, DATASETS["nyuv2"]))
    assert metrics == pytest.approx(best_of(whole)["metrics"], rel=1e-5)


def test_a_compiled_run_measures_nearly_the_same(
    whole: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As users train. The other tests do without, since compiling takes most of their time."""
    monkeypatch.undo()
    monkeypatch.setattr(loop, "depth_net", small_net)
    assert train(RECIPE, data, tmp_path) == pytest.approx(best_of(whole)["metrics"], rel=0.02)


def test_averaged_weights_are_kept_and_the_latest_trained_on(data: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=(1,), warmup_epochs=0)
    train(recipe, data, tmp_path)
    model = loop._compiled(recipe, 3, Path())
    assert loop._restore(model, tmp_path) == 3
    latest = [np.array(variable) for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    averaged = [np.array(variable) for variable in model.trainable_variables]
    kept = keras.saving.load_model(tmp_path / "best.keras", compile=False).trainable_variables
    for one, other in zip(kept, averaged, strict=True):
        np.testing.assert_array_equal(np.array(one), other)
    assert not all(np.array_equal(one, other) for one, other in zip(latest, averaged, strict=True))


def test_each_epoch_sees_batches_of_its_own(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    class Recorded(Batches):
        def __getitem__(self, index: int) -> Any:
            seen.append((self._epoch, index))
            return super().__getitem__(index)

    monkeypatch.setattr(loop, "Batches", Recorded)
    train(replace(RECIPE, epochs=(2,)), data, tmp_path)
    # Before the first epoch Keras looks at a few, to learn their shape.
    assert seen[-6:] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


# Interruptions


class InterruptedTrainingError(Exception):
    """Stands for whatever ends a process."""


def before_epoch_1(patch: pytest.MonkeyPatch) -> None:
    stop_before_epoch(1, patch)


def stop_before_epoch(stop: int | None, patch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Epochs, batch: int, logs: Any = None) -> None:
        if self.model.optimizer.iterations == 3 * (stop or -1):
            raise InterruptedTrainingError

    patch.setattr(Epochs, "on_train_batch_begin", interrupt, raising=False)


def within_epoch_1(patch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Epochs, batch: int, logs: Any = None) -> None:
        if self.model.optimizer.iterations == 5:
            raise InterruptedTrainingError

    patch.setattr(Epochs, "on_train_batch_end", interrupt, raising=False)


def while_the_state_of_epoch_1_is_saved(patch: pytest.MonkeyPatch) -> None:
    replace_file, states = Path.replace, iter([False, True])

    def interrupt(self: Path, target: Path) -> Path:
        if target.name == STATE and next(states):
            raise InterruptedTrainingError
        return replace_file(self, target)

    patch.setattr(Path, "replace", interrupt)


@pytest.mark.parametrize(
    "interrupt",
    [
        pytest.param(before_epoch_1, marks=in_full),
        within_epoch_1,
        while_the_state_of_epoch_1_is_saved,
    ],
    ids=lambda function: function.__name__,
)
def test_an_interrupted_run_ends_as_a_whole_one(
    whole: Path, data: Path, tmp_path: Path, interrupt: Callable[[pytest.MonkeyPatch], None]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "depth_net", small_net)
        interrupt(patch)
        with pytest.raises(InterruptedTrainingError):
            train(RECIPE, data, tmp_path)
    with trained_epochs() as begun:
        metrics = train(RECIPE, data, tmp_path)
    assert begun == [1, 2]
    assert metrics == pytest.approx(best_of(whole)["metrics"], rel=1e-4)
    for row, expected in zip(log_of(tmp_path), log_of(whole), strict=True):
        assert row == pytest.approx(expected, rel=1e-4)


@contextlib.contextmanager
def trained_epochs() -> Iterator[list[int]]:
    """The epochs that are begun meanwhile."""
    begun: list[int] = []
    begin = Epochs.on_epoch_begin

    def record(self: Epochs, epoch: int, logs: Any = None) -> None:
        begun.append(epoch)
        begin(self, epoch, logs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Epochs, "on_epoch_begin", record)
        yield begun


def test_the_best_of_before_an_interruption_is_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    abs_rel = iter([0.3, 0.2, 0.9])
    monkeypatch.setattr(
        epochs, "evaluate", lambda *_: [{**dict.fromkeys(METRICS, 0.5), "abs_rel": next(abs_rel)}]
    )
    stop_before_epoch(2, monkeypatch)
    with pytest.raises(InterruptedTrainingError):
        train(RECIPE, data, tmp_path)
    kept = (tmp_path / "best.keras").read_bytes()
    stop_before_epoch(None, monkeypatch)
    assert train(RECIPE, data, tmp_path)["abs_rel"] == 0.2
    assert best_of(tmp_path)["epoch"] == 1
    assert (tmp_path / "best.keras").read_bytes() == kept
    assert [row["val_abs_rel"] for row in log_of(tmp_path)] == [0.3, 0.2, 0.9]


def test_a_finished_run_only_tells_its_metrics(whole: Path, data: Path) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*.*") if path.is_file()}
    with trained_epochs() as begun:
        metrics = train(RECIPE, data, whole)
    assert not begun
    assert metrics == best_of(whole)["metrics"]
    assert {path: path.read_bytes() for path in before} == before
    assert set(whole.rglob("*.*")) >= set(before)


def test_a_run_of_another_recipe_is_not_taken_up(whole: Path, data: Path) -> None:
    with pytest.raises(DepthError, match="run of another recipe"):
        train(replace(RECIPE, learning_rate=(0.02,)), data, whole)
    assert TrainConfig.load(whole / "recipe.json") == RECIPE


def test_fewer_images_than_a_batch_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="at least one batch of 8 images, got 7"):
        train(replace(RECIPE, batch_size=8), data, tmp_path)


# Divergence, and damaged folders


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_kept(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(RECIPE, learning_rate=(1e38,), warmup_epochs=0, epochs=(3,))
    with pytest.raises(DepthError, match=r"diverged in epoch \d of 3.*learning_rate \(1e\+38\)"):
        train(recipe, data, tmp_path)
    if (tmp_path / BEST).exists():
        assert np.isfinite(best_of(tmp_path)["metrics"]["abs_rel"])


def test_the_batch_at_which_training_diverges_is_told(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Epochs.on_train_batch_end

    def spoilt(self: Epochs, batch: int, logs: dict[str, float]) -> None:
        bad = int(self.model.optimizer.iterations) == 5
        steps(self, batch, {"loss": float("nan")} if bad else logs)

    monkeypatch.setattr(Epochs, "on_train_batch_end", spoilt)
    with pytest.raises(DepthError, match="in epoch 2 of 3: the loss is nan from batch 2 on"):
        train(RECIPE, data, tmp_path)
    assert best_of(tmp_path)["epoch"] == 0


def test_an_epoch_without_a_metric_is_never_the_best(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = [dict.fromkeys(METRICS, float("nan"))]
    monkeypatch.setattr(epochs, "evaluate", lambda *_: nothing)
    with pytest.raises(DepthError, match="abs_rel on the validation images is nan"):
        train(RECIPE, data, tmp_path)
    assert not (tmp_path / "best.keras").exists()


DAMAGED = b"\xff{not what it was"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, None) for name in (BEST, "recipe.json")),
        *((name, DAMAGED) for name in (BEST, "recipe.json", STATE, LOG)),
        *(pytest.param(name, b"", marks=in_full) for name in (BEST, "recipe.json", STATE)),
        ("best.keras", None),
    ],
)
def test_a_damaged_run_folder_says_what_is_damaged(
    whole: Path, data: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    (run / name).unlink()
    if content is not None:
        (run / name).write_bytes(content)
    with pytest.raises(DepthError, match=f"its {name} is damaged"):
        train(RECIPE, data, run)


# Options of a recipe


def test_a_run_ends_early_without_a_better_epoch(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    abs_rel = iter([0.4, 0.3, 0.35, 0.3, 0.1])
    monkeypatch.setattr(
        epochs, "evaluate", lambda *_: [{**dict.fromkeys(METRICS, 0.5), "abs_rel": next(abs_rel)}]
    )
    recipe = replace(RECIPE, epochs=(5,), patience_epochs=2)
    assert train(recipe, data, tmp_path)["abs_rel"] == 0.3
    assert len(log_of(tmp_path)) == 4
    with trained_epochs() as begun:
        train(recipe, data, tmp_path)
    assert not begun


def test_events_hold_what_the_log_holds(whole: Path) -> None:
    values: dict[tuple[int, str], float] = {}
    for path in (whole / EVENTS).iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                values[event.step, value.tag.replace("val/", "val_")] = value.simple_value
    rows = log_of(whole)
    for row in rows:
        for name in row.keys() - {"epoch"}:
            assert values[int(row["epoch"]), name] == pytest.approx(row[name], rel=1e-4)
    assert len(values) == len(rows) * (len(rows[0]) - 1)


def test_curves_are_a_picture(whole: Path) -> None:
    picture = cv2.imread(str(whole / CURVES))
    assert picture is not None
    assert min(picture.shape[:2]) > 400
    assert (picture < 128).any()


def test_learning_rate_warms_up_and_falls_to_nothing() -> None:
    schedule = make_optimizer(
        replace(RECIPE, epochs=(4,), learning_rate=(0.01,)), 10
    )._learning_rate
    rates = [float(schedule(step)) for step in range(41)]
    assert rates[0] == pytest.approx(0.0001)
    assert np.argmax(rates) == 10
    assert rates[10] == pytest.approx(0.01)
    assert rates[40] == pytest.approx(0, abs=1e-9)


def test_each_cycle_rises_to_its_own_peak() -> None:
    recipe = replace(RECIPE, epochs=(4, 2), learning_rate=(0.01, 0.004))
    schedule = make_optimizer(recipe, 10)._learning_rate
    rates = [float(schedule(step)) for step in range(61)]
    assert rates[39] < 0.0001
    assert rates[40] == pytest.approx(0.00004)
    assert rates[50] == max(rates[40:]) == pytest.approx(0.004)
    assert rates[60] == pytest.approx(0, abs=1e-9)
    kept = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert [float(kept(step)) for step in range(61)] == rates


def test_encoder_learns_by_its_share_of_the_rate() -> None:
    """Adam's first step is as long as the learning rate, whatever the gradient."""
    encoder, decoder = keras.Variable([1.0], name="stem"), keras.Variable([1.0], name="up0_reduce")
    recipe = replace(RECIPE, encoder_rate=0.1, weight_decay=0.0, warmup_epochs=0)
    optimizer = make_optimizer(recipe, 3)
    optimizer.apply([keras.ops.ones(1), keras.ops.ones(1)], [encoder, decoder])
    assert 1 - float(decoder[0]) == pytest.approx(0.01, rel=1e-3)
    assert 1 - float(encoder[0]) == pytest.approx(0.001, rel=1e-3)


def test_training_starts_from_a_checkpoint(whole: Path, data: Path, tmp_path: Path) -> None:
    """With next to no learning rate the first epoch measures what the checkpoint measures."""
    recipe = replace(
        RECIPE,
        start="best.keras",
        epochs=(1,),
        warmup_epochs=0,
        learning_rate=(1e-9,),
        weight_decay=0.0,
    )
    model = loop._compiled(recipe, 3, whole)
    kept = keras.saving.load_model(whole / "best.keras", compile=False)
    for one, other in zip(model.get_weights(), kept.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("frozen", [True, False])
def test_frozen_batch_normalization_keeps_the_statistics_of_the_start(
    whole: Path, data: Path, tmp_path: Path, *, frozen: bool
) -> None:
    recipe = replace(RECIPE, start="best.keras", epochs=(2,), frozen_batch_norm=frozen)
    train(recipe, data, tmp_path / "run", start_folder=whole)
    before, after = (
        keras.saving.load_model(path, compile=False)
        for path in (whole / "best.keras", tmp_path / "run" / "best.keras")
    )
    for one, other in zip(before.layers, after.layers, strict=True):
        for old, new in zip(one.get_weights(), other.get_weights(), strict=True):
            kept = frozen and isinstance(one, layers.BatchNormalization)
            assert np.array_equal(old, new) == kept


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_statistics_are_averaged_over_the_steps_of_the_weights(momentum: float) -> None:
    # Without learning, every step has the same statistics.
    recipe = replace(RECIPE, ema_momentum=momentum, learning_rate=(1e-12,), drop_path=0, dropout=0)
    model = loop._compiled(recipe, 4, Path())
    pixels = np.random.default_rng(0).uniform(0, 255, (8, 64, 64, 3)).astype(np.float32)
    (norm,) = (layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    features = np.asarray(keras.Model(model.input, norm.input)(pixels))
    model.fit(pixels, np.ones((8, 64, 64, 1)), batch_size=8, epochs=4, shuffle=False, verbose=0)
    mean = np.asarray(norm.moving_mean)
    np.testing.assert_allclose(
        mean, (1 - momentum**4) * features.mean((0, 1, 2)), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("content", [None, b"no archive"])
def test_a_start_that_is_no_checkpoint_is_refused(
    data: Path, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "start.keras").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"start\.keras"):
        train(replace(RECIPE, start="start.keras"), data, tmp_path / "r", start_folder=tmp_path)


def test_a_start_of_another_network_is_refused(data: Path, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((3,)), layers.Dense(2)]).save(tmp_path / "other.keras")
    with pytest.raises(ModelFileError, match=r"other\.keras to be .* of the network"):
        train(replace(RECIPE, start="other.keras"), data, tmp_path / "r", start_folder=tmp_path)


def test_mixed_precision_computes_in_16_bits_and_keeps_32(data: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, dtype_policy="mixed_bfloat16", epochs=(1,), warmup_epochs=0)
    model = loop._compiled(recipe, 3, Path())
    convolution = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
    assert (convolution.compute_dtype, convolution.variable_dtype) == ("bfloat16", "float32")
    assert keras.config.dtype_policy().name == "float32"
    assert train(recipe, data, tmp_path)["abs_rel"] > 0


def test_broken_pairs_are_left_out_on_request(data: Path, tmp_path: Path) -> None:
    for name in ("rgb", "depth", "val.txt"):
        (tmp_path / name).symlink_to(data / name)
    names = (data / "train.txt").read_text().split()
    (tmp_path / "train.txt").write_text("\n".join([*names, "gone"]))
    recipe = replace(RECIPE, epochs=(1,), warmup_epochs=0)
    with pytest.raises(DatasetError, match=r"1 of 8 pairs.*gone"):
        train(recipe, tmp_path, tmp_path / "run")
    with pytest.warns(UserWarning, match=r"1 of 8 pairs.*gone"):
        train(recipe, tmp_path, tmp_path / "run", skip_broken=True)


def test_a_killed_run_goes_on(whole: Path, data: Path, tmp_path: Path) -> None:
    """Killed for good, at some moment after the first epoch, and taken up by another process."""
    words = ("-m", "tests.support.small_training", str(data), str(tmp_path / "run"))
    command = [sys.executable, *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("epoch 1/3")
        process.kill()
    assert process.returncode == -signal.SIGKILL
    with trained_epochs() as begun:
        metrics = train(RECIPE, data, tmp_path / "run")
    assert begun and begun[0] in (1, 2)
    assert metrics == pytest.approx(best_of(whole)["metrics"], rel=1e-4)
