"""The blocks of encoders and decoder: convolution with normalization, residual branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import keras
from keras import layers

# EfficientNet-Lite0's ImageNet weights were trained on (pixel - 127) / 128. The other encoders use
# the same: its zero is a whole pixel code, so INT8 pixels are exact.
PIXEL_OFFSET = 127.0
PIXEL_SCALE = 128.0
BATCH_NORM_EPSILON = 1e-3

Activation = Literal["relu6", "relu"]
_LARGEST = {"relu6": 6.0, "relu": None}


def normalize(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Scale pixels of 0 to 255 to about -1 to 1, with a `Rescaling` layer for converters."""
    return layers.Rescaling(1 / PIXEL_SCALE, offset=-PIXEL_OFFSET / PIXEL_SCALE, name="normalize")(
        pixels
    )


def conv_bn(
    x: keras.KerasTensor,
    filters: int,
    kernel: int,
    stride: int,
    name: str,
    activation: Activation | None = "relu6",
) -> keras.KerasTensor:
    """Convolution, batch normalization and the activation (None: no activation)."""
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)
    x = _batch_norm(x, name)
    return x if activation is None else activate(x, activation, name)


def depthwise_bn(x: keras.KerasTensor, kernel: int, stride: int, name: str) -> keras.KerasTensor:
    """Depthwise convolution, batch normalization and ReLU6."""
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=name)(x)
    return activate(_batch_norm(x, name), "relu6", name)


def _batch_norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")(x)


def activate(x: keras.KerasTensor, activation: Activation, name: str) -> keras.KerasTensor:
    """ReLU6, or plain ReLU."""
    return layers.ReLU(max_value=_LARGEST[activation], name=f"{name}_{activation}")(x)


def add_residual(
    branch: keras.KerasTensor, shortcut: keras.KerasTensor, drop_path: float, name: str
) -> keras.KerasTensor:
    """Add a residual branch to its shortcut. Training drops the branch at the rate `drop_path`.

    That is stochastic depth (G. Huang et al., ECCV 2016).
    """
    if drop_path:
        # One random number per image: the whole branch is dropped or not.
        branch = layers.Dropout(drop_path, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(branch)
    return layers.Add(name=f"{name}_add")([branch, shortcut])


@dataclass(frozen=True)
class Stage:
    """`repeats` inverted residual blocks of one width. The first has the stride."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    filters: int


def inverted_residual_stages(
    x: keras.KerasTensor, stages: Sequence[Stage], drop_path: float
) -> list[keras.KerasTensor]:
    """Inverted residual blocks (M. Sandler et al., "MobileNetV2", CVPR 2018), b0, b1, ...

    Args:
        x: (batch, H, W, C), the stem's features.
        stages: the rows of the network's table.
        drop_path: rate at which the last residual branch is dropped in training; earlier branches
            are dropped proportionally less.

    Returns:
        The features before each halving of the resolution, and the last ones: finest first.
    """
    block_count = sum(stage.repeats for stage in stages)
    features: list[keras.KerasTensor] = []
    index = 0
    for stage in stages:
        if stage.stride == 2:
            features.append(x)
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            x = _inverted_residual(x, stage, stride, drop_path * index / block_count, f"b{index}")
            index += 1
    return [*features, x]


def _inverted_residual(
    x: keras.KerasTensor, stage: Stage, stride: int, drop_path: float, name: str
) -> keras.KerasTensor:
    shortcut = x
    if stage.expand != 1:
        x = conv_bn(x, x.shape[-1] * stage.expand, 1, 1, f"{name}_expand")
    x = depthwise_bn(x, stage.kernel, stride, f"{name}_depthwise")
    x = conv_bn(x, stage.filters, 1, 1, f"{name}_project", activation=None)
    if stride == 1 and shortcut.shape[-1] == stage.filters:
        x = add_residual(x, shortcut, drop_path, name)
    return x
