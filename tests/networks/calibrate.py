"""Random weights that give depths over the range: batch norm from photos, a head that is scaled."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from tests.networks.random_weights import gain_and_offset, passing_on
from tests.networks.stranger import Stranger

HEAD = "head"
KERNELS = (layers.Conv2D, layers.DepthwiseConv2D)
# The encoder that has ImageNet's weights.
TRAINED = re.compile(r"stem|b\d+_")


def calibrated(
    stranger: Stranger, model: keras.Model, pixels: npt.NDArray[np.float32]
) -> keras.Model:
    """Give a network of Keras statistics of these pixels (n, H, W, 3) from 0 to 255, and its head.

    Args:
        stranger: says what the last linear operator should give.
        model: its network; it is changed.
        pixels: of photos.
    """
    inputs = stranger.as_input(pixels)
    for layer in model.layers:
        if type(layer) in KERNELS and not TRAINED.match(layer.name):
            layer.kernel.assign(passing_on(np.asarray(layer.kernel)))
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(inputs, training=True)
    if stranger.y is not None:
        _scale_head(model, inputs, stranger.y)
    return model


def _scale_head(model: keras.Model, inputs: Any, wanted: tuple[float, float]) -> None:
    head = model.get_layer(HEAD)
    # Where a head is used twice, the last use is the finest.
    y_of = keras.Model(model.input, head._inbound_nodes[-1].outputs[0])
    found = np.asarray(y_of(inputs), np.float32)
    gain, offset = gain_and_offset(found.reshape(*found.shape[:3]), wanted)
    *_, kernel, bias = head.trainable_variables
    kernel.assign(gain * kernel)
    bias.assign(gain * bias + offset)
