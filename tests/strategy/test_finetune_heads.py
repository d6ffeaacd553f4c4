"""Networks that are trained further begin where regression puts their heads, and get better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.strategy.keras_study import write_keras_study
from tests.strategy.small_study import MAX_DEPTH_M, SIZE
from tfl_depth.data.augment import plain
from tfl_depth.strategy import finetune_heads as finetune_module
from tfl_depth.strategy.finetune_heads import finetune_heads, ridge_regression
from tfl_depth.strategy.study_input import StudyInput
from tfl_depth.strategy.trainable import trainable_model
from tfl_depth.strategy.trained_heads import trained_head


@pytest.fixture(scope="module")
def study_input(tmp_path_factory: pytest.TempPathFactory) -> StudyInput:
    found = write_keras_study(tmp_path_factory.mktemp("finetune"))
    return replace(found, effort=replace(found.effort, updates=30))


def test_regression_finds_a_linear_head() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4, 5, 6, 3)).astype(np.float32)
    target = features @ np.array([[1.0], [-2.0], [3.0]]) + 4
    kernel, bias = ridge_regression(features, {"depth": target})["depth"]
    np.testing.assert_allclose(kernel.ravel(), [1, -2, 3], atol=0.02)
    assert bias == pytest.approx(4, abs=0.02)


@pytest.mark.slow
def test_training_brings_a_network_nearer_to_the_truth(
    study_input: StudyInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A network that has learned nothing needs more than fine-tuning.
    monkeypatch.setattr(finetune_module, "RATE", 0.01)
    pixels, depth_m = (
        np.stack(each) for each in zip(*(plain(s, SIZE) for s in study_input.samples), strict=True)
    )
    before = trainable_model(study_input).predict_on_batch(pixels)
    model = finetune_heads(study_input, trained_head("longer", MAX_DEPTH_M))
    after = model.predict_on_batch(pixels)["depth"]
    assert np.abs(after - depth_m).mean() < 0.8 * np.abs(before - depth_m).mean()


@pytest.mark.slow
def test_two_heads_are_sigmoids_of_the_same_features(study_input: StudyInput) -> None:
    head = trained_head("two_heads", MAX_DEPTH_M)
    few = replace(study_input, effort=replace(study_input.effort, updates=1))
    model = finetune_heads(few, head)
    pixels = np.stack([plain(sample, SIZE)[0] for sample in study_input.samples])
    values = model.predict_on_batch(pixels)
    assert set(values) == {"integer", "fractional"}
    assert all(value.min() > 0 and value.max() < 1 for value in values.values())
