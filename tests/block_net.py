"""A small network of the real ones' blocks, with seeded weights and uneven channel ranges."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from tfl_depth.models.blocks import conv_bn, depthwise_bn

SIZE = (32, 48)


def block_net(*, seed: int = 0) -> keras.Model:
    """Stem, two inverted residuals, one with its shortcut, dropout, a fused ReLU, depth."""
    pixels = keras.Input((*SIZE, 3))
    x = conv_bn(pixels, 12, 3, 2, "stem")
    x = depthwise_bn(x, 3, 1, "b0_depthwise")
    shortcut = conv_bn(x, 8, 1, 1, "b0_project", activation=None)
    x = conv_bn(shortcut, 24, 1, 1, "b1_expand")
    x = depthwise_bn(x, 5, 1, "b1_depthwise")
    x = conv_bn(x, 8, 1, 1, "b1_project", activation=None)
    x = layers.Add(name="b1_add")([x, shortcut])
    x = layers.SpatialDropout2D(0.5)(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="fused")(x)
    depth = layers.Conv2D(1, 1, name="depth")(x)
    model = keras.Model(pixels, depth, name="blocks")
    _seed_weights(model, np.random.default_rng(seed))
    return model


def _seed_weights(model: keras.Model, rng: np.random.Generator) -> None:
    for layer in model.layers:
        if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
            kernel, *bias = layer.get_weights()
            inputs = np.prod(kernel.shape[:2])
            if isinstance(layer, layers.Conv2D):
                inputs *= kernel.shape[2]
            layer.set_weights([rng.normal(0, inputs**-0.5, kernel.shape), *bias])
        if isinstance(layer, layers.BatchNormalization):
            count = layer.gamma.shape[0]
            # Gains over two decades: what pretrained networks have, and per-tensor scales suffer.
            gamma = 10 ** rng.uniform(-1, 0.7, count)
            beta, mean = rng.normal(0.5, 1, count), rng.normal(0, 0.3, count)
            layer.set_weights([gamma, beta, mean, rng.uniform(0.5, 2, count)])


def block_images(count: int, *, seed: int = 1) -> npt.NDArray[np.float32]:
    """Images (count, H, W, 3) of -1 to 1: smooth patches under a little noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-1, 1, (count, SIZE[0] // 8, SIZE[1] // 8, 3))
    smooth: Any = coarse.repeat(8, axis=1).repeat(8, axis=2)
    noisy = np.clip(smooth + rng.normal(0, 0.1, smooth.shape), -1, 1)
    return np.asarray(noisy, np.float32)
