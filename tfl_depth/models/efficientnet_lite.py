"""EfficientNet-Lite0, the encoder made for INT8: ReLU6 everywhere, no squeeze-excite.

Architecture: M. Tan and Q. Le, "EfficientNet" (ICML 2019), in the "Lite" variant of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

# The ImageNet weights were trained on (pixel - 127) / 128.
PIXEL_OFFSET = 127.0
PIXEL_SCALE = 128.0
BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True)
class Stage:
    """One row of the EfficientNet-B0 table: `repeats` blocks that share a width."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    filters: int


STEM_FILTERS = 32
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
# The last block before each halving of the resolution, and the last one: strides 2 to 32.
TAPS = ("b0", "b2", "b4", "b10", "b15")


def efficientnet_lite0(
    pixels: keras.KerasTensor, drop_path: float = 0.0
) -> list[keras.KerasTensor]:
    """Build the encoder on `pixels` and return its features, finest first.

    Args:
        pixels: (batch, H, W, 3) float32, RGB, 0 to 255; H and W divisible by 32.
        drop_path: rate at which the last residual branch is dropped in training; earlier
            branches are dropped proportionally less (Huang et al., ECCV 2016).

    Returns:
        Five tensors (batch, H/s, W/s, C) for strides s = 2, 4, 8, 16, 32 with
        C = 16, 24, 40, 112, 320.
    """
    x = layers.Rescaling(1 / PIXEL_SCALE, offset=-PIXEL_OFFSET / PIXEL_SCALE, name="normalise")(
        pixels
    )
    x = conv_bn(x, STEM_FILTERS, 3, 2, "stem")
    taps = []
    block_count = sum(stage.repeats for stage in STAGES)
    index = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            name = f"b{index}"
            stride = stage.stride if repeat == 0 else 1
            x = _inverted_residual(x, stage, stride, drop_path * index / block_count, name)
            if name in TAPS:
                taps.append(x)
            index += 1
    return taps


def _inverted_residual(
    x: keras.KerasTensor, stage: Stage, stride: int, drop_path: float, name: str
) -> keras.KerasTensor:
    shortcut = x
    if stage.expand != 1:
        x = conv_bn(x, x.shape[-1] * stage.expand, 1, 1, f"{name}_expand")
    x = depthwise_bn(x, stage.kernel, stride, f"{name}_depthwise")
    x = conv_bn(x, stage.filters, 1, 1, f"{name}_project", activation=False)
    if stride == 1 and shortcut.shape[-1] == stage.filters:
        if drop_path:
            # One draw per image: the whole branch is there or not.
            x = layers.Dropout(drop_path, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
        x = layers.Add(name=f"{name}_add")([x, shortcut])
    return x


def conv_bn(
    x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str, activation: bool = True
) -> keras.KerasTensor:
    """Convolution, batch normalisation and, unless told otherwise, ReLU6."""
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)
    x = _batch_norm(x, name)
    return _relu6(x, name) if activation else x


def depthwise_bn(x: keras.KerasTensor, kernel: int, stride: int, name: str) -> keras.KerasTensor:
    """Depthwise convolution, batch normalisation and ReLU6."""
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=name)(x)
    return _relu6(_batch_norm(x, name), name)


def _batch_norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=f"{name}_bn")(x)


def _relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(max_value=6.0, name=f"{name}_relu6")(x)
