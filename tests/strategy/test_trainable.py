"""Which networks can be trained, and how they take pixels then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.strategy.keras_study import small_model, write_keras_study
from tests.strategy.small_study import SIZE
from tfl_depth.errors import ConversionError
from tfl_depth.strategy.study_input import NetworkOptions, StudyInput
from tfl_depth.strategy.trainable import on_pixels, trainable_model


def test_a_network_of_another_framework_cannot(small_study: StudyInput) -> None:
    with pytest.raises(ConversionError, match=r"needs a network of Keras 3, which small.tflite is"):
        trainable_model(small_study)


def test_a_network_of_another_unit_cannot(tmp_path: Path) -> None:
    study_input = write_keras_study(tmp_path, options=NetworkOptions(unit="cm"))
    with pytest.raises(ConversionError, match="with an output in meters"):
        trainable_model(study_input)


def test_a_network_of_another_end_cannot(tmp_path: Path) -> None:
    study_input = write_keras_study(tmp_path, small_model(meters=False))
    with pytest.raises(ConversionError, match="ends in a linear convolution"):
        trainable_model(study_input)


def test_batch_normalization_stays_as_it_is(tmp_path: Path) -> None:
    model = trainable_model(write_keras_study(tmp_path))
    assert not model.get_layer("normal").trainable and model.get_layer("depth").trainable
    nested = keras.Sequential([keras.Input((*SIZE, 3)), small_model()])
    assert nested.layers[0].get_layer("normal").trainable


def test_another_size_is_taken(tmp_path: Path) -> None:
    study_input = write_keras_study(tmp_path)
    sized = replace(study_input, options=NetworkOptions(size=(16, 24)))
    assert trainable_model(sized).input_shape == (None, 16, 24, 3)


def test_pixels_are_normalized_as_outside_of_the_network() -> None:
    model = small_model(rescales=False)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    options = NetworkOptions(mean=mean, std=std, channels="bgr")
    pixels = np.random.default_rng(0).uniform(0, 255, (2, *SIZE, 3)).astype(np.float32)
    normalized = (pixels[..., ::-1] / 255 - np.asarray(mean, np.float32)) / np.asarray(
        std, np.float32
    )
    found = on_pixels(model, options).predict_on_batch(pixels)
    np.testing.assert_allclose(found, model.predict_on_batch(normalized), atol=1e-4)
    assert on_pixels(model, NetworkOptions()) is model
