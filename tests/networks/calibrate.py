"""Random weights that give depths over the range: batch norm from photos, a head that is scaled."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tests.networks.head_scale import gain_and_offset
from tests.networks.stranger import Stranger

HEAD = "head"


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
    norms = [layer for layer in model._flatten_layers() if _is_norm(layer)]
    for layer in norms:
        layer.momentum = 0.0
    model(inputs, training=True)
    if stranger.y is not None:
        _scale_head(model, inputs, stranger.y)
    return model


def _is_norm(layer: Any) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def _scale_head(model: keras.Model, inputs: Any, wanted: tuple[float, float]) -> None:
    head = model.get_layer(HEAD)
    # Where a head is used twice, the last use is the finest.
    y_of = keras.Model(model.input, head._inbound_nodes[-1].outputs[0])
    found = np.asarray(y_of(inputs), np.float32)
    gain, offset = gain_and_offset(found.reshape(*found.shape[:3]), wanted)
    *_, kernel, bias = head.trainable_variables
    kernel.assign(gain * kernel)
    bias.assign(gain * bias + offset)
