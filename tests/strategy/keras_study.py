"""A small Keras network as a study, for what needs training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from keras import layers

from tests.strategy.small_study import SIZE, write_study
from tfl_depth.data.augment import plain
from tfl_depth.models.dual_head import last_features
from tfl_depth.strategy.finetune_heads import ridge_regression
from tfl_depth.strategy.study_input import NetworkOptions, StudyInput


def small_model(*, rescales: bool = True, meters: bool = True) -> keras.Model:
    """Two convolutions, batch normalization that has seen something, and a depth convolution."""
    keras.utils.set_random_seed(2)
    pixels = keras.Input((*SIZE, 3))
    x = layers.Rescaling(1 / 128, -127 / 128)(pixels) if rescales else pixels
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(name="normal")(x)
    x = layers.ReLU(6)(x)
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    activation = "linear" if meters else "sigmoid"
    depth = layers.Conv2D(1, 1, bias_initializer="ones", activation=activation, name="depth")(x)
    model = keras.Model(pixels, depth)
    rng = np.random.default_rng(0)
    ones = np.ones(8)
    model.get_layer("normal").set_weights([ones, rng.normal(size=8), 0.1 * ones, 0.5 * ones])
    return model


def write_keras_study(
    folder: Path, model: keras.Model | None = None, options: NetworkOptions | None = None
) -> StudyInput:
    """Write a dataset and a Keras network, and open them as a study."""
    study_input = write_study(folder, options=options)
    path = folder / "small.keras"
    (model or small_model()).save(path)
    return replace(study_input, source=path)


def learned(model: keras.Model, study_input: StudyInput) -> keras.Model:
    """The same network, its depth convolution solved for the training images' depth."""
    pairs = [plain(sample, SIZE) for sample in study_input.training]
    pixels, depths_m = (np.stack(each) for each in zip(*pairs, strict=True))
    features = keras.Model(model.inputs, last_features(model)).predict_on_batch(pixels)
    solved = ridge_regression(np.asarray(features), {"depth": depths_m})["depth"]
    model.get_layer("depth").set_weights(solved)
    return model
