"""A network of Keras 2."""

from __future__ import annotations

from typing import Any

import tf_keras as keras
from tf_keras import layers

from tests.networks.stranger import Size, scaled


def inverse_sigmoid(size: Size, width: float) -> Any:
    """MobileNet-like encoder, ReLU6, nearest enlargement; 1 / (0.1 + 9.9 sigmoid) behind a BN."""
    image = keras.Input((*size, 3))
    x, skips = _conv(image, scaled(32, width), 2), []
    for filters in (64, 128, 256):
        skips.append(x)
        x = layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)(x)
        x = _conv(layers.ReLU(6.0)(layers.BatchNormalization()(x)), scaled(filters, width), 1)
    for skip in skips[::-1]:
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
        x = layers.SeparableConv2D(skip.shape[-1], 3, padding="same", activation="relu6")(x)
    x = layers.Conv2D(1, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(name="head")(x)
    return keras.Model(image, 1 / (0.1 + 9.9 * layers.Activation("sigmoid")(x)))


def _conv(x: Any, filters: int, stride: int) -> Any:
    x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
    return layers.ReLU(6.0)(layers.BatchNormalization()(x))
