"""A small network to train, and its recipe: DATA RUN train it in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from tfl_depth.training import TrainConfig, journal, loop

RECIPE = TrainConfig(
    dataset="nyuv2",
    report_split="val",
    encoder="pico",
    start="random",
    height=64,
    width=64,
    loss="log_l1_with_gradient",
    teachers=(),
    teacher_share=0.0,
    mixed_share=0.0,
    max_zoom=1.5,
    zoom_share=1.0,
    min_zoom=0.6,
    shrunken_share=0.5,
    repeated_epochs=0,
    frozen_batch_norm=False,
    drop_path=0.4,
    dropout=0.4,
    epochs=(3,),
    patience_epochs=0,
    batch_size=2,
    learning_rate=(0.01,),
    encoder_rate=1.0,
    weight_decay=0.02,
    warmup_epochs=1,
    ema_momentum=0.8,
    dtype_policy="float32",
    seed=0,
)


def small_net(
    _encoder: str,
    size: tuple[int, int],
    *,
    imagenet: bool = False,
    drop_path: float = 0.0,
    dropout: float = 0.0,
) -> keras.Model:
    """In place of the real network, which takes a minute to be compiled."""
    pixels = keras.Input((*size, 3))
    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(drop_path, noise_shape=(None, 1, 1, 1))(layers.ReLU()(x))
    x = layers.SpatialDropout2D(dropout)(x)
    depth = layers.Conv2D(1, 1, bias_initializer=keras.initializers.Constant(2.5))(x)
    return keras.Model(pixels, depth)


def train_eagerly(patch: pytest.MonkeyPatch) -> None:
    """Do not compile the few steps of a test: compiling takes most of the time."""
    compile_model = keras.Model.compile

    def without_graph(self: keras.Model, *arguments: Any, **options: Any) -> None:
        compile_model(self, *arguments, **options, run_eagerly=True)

    patch.setattr(keras.Model, "compile", without_graph)


def without_curves(patch: pytest.MonkeyPatch) -> None:
    """Do not draw the curves, which takes as long as the epochs of a test."""
    patch.setattr(journal, "_curves", lambda _rows: b"")


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(loop, "depth_net", small_net)
        train_eagerly(monkeypatch)
        without_curves(monkeypatch)
        loop.train(RECIPE, Path(sys.argv[1]), Path(sys.argv[2]))
