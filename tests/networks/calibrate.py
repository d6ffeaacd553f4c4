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

HEAD, LOGITS = "head", "logits"
KERNELS = (layers.Conv2D, layers.DepthwiseConv2D)
# The encoder that has ImageNet's weights, and the last operators.
KEPT = re.compile(rf"stem|b\d+_|{HEAD}|{LOGITS}")
# Inverse variance of the bell over bins from -1 to 1.
SHARPNESS = 40.0


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
        if type(layer) in KERNELS and not KEPT.match(layer.name):
            layer.kernel.assign(passing_on(np.asarray(layer.kernel)))
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(inputs, training=True)
    if stranger.y is None:
        _peak(model.get_layer(LOGITS), model, inputs)
    else:
        _scale_head(model, inputs, stranger.y)
    return model


def _peak(logits: layers.Layer, model: keras.Model, inputs: Any) -> None:
    """Let the softmax be a bell over the bins, whose place the features say."""
    found = np.asarray(keras.Model(model.input, logits.output)(inputs, training=False))[..., 0]
    gain, offset = gain_and_offset(found, (-0.8, 0.8))
    kernel = np.asarray(logits.kernel)
    places = np.linspace(-1, 1, kernel.shape[-1], dtype=np.float32)
    logits.kernel.assign(SHARPNESS * gain * kernel[..., :1] * places)
    logits.bias.assign(SHARPNESS * (offset * places - places**2 / 2))


def _scale_head(model: keras.Model, inputs: Any, wanted: tuple[float, float]) -> None:
    head = model.get_layer(HEAD)
    # Where a head is used twice, the last use is the finest.
    y_of = keras.Model(model.input, head._inbound_nodes[-1].outputs[0])
    found = np.asarray(y_of(inputs, training=False), np.float32)
    gain, offset = gain_and_offset(found.reshape(*found.shape[:3]), wanted)
    *_, kernel, bias = head.trainable_variables
    kernel.assign(gain * kernel)
    bias.assign(gain * bias + offset)
