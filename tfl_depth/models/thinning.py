"""A layer's weights from the same layer of a network with more hidden channels.

A hidden channel of an inverted residual block is between its expansion and its projection. Those
are kept that change the block's output most: by the variance of the channel after its depthwise
convolution, times the squared norm of its weights in the projection. The variance follows from the
batch normalization, whose output has its offset as mean and its scale as deviation. A channel
without variance is a constant, which the next batch normalization takes away.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.models.decoder import DECODER_LAYERS

Array = npt.NDArray[Any]
# The values of a normal distribution at evenly spaced shares of it.
_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 101) for i in range(101)])
_RELU6_END = 6.0


def thinned_weights(
    layer: keras.layers.Layer, source: keras.Model, name: str
) -> list[Array] | None:
    """Choose the weights of `layer` from the layer `name` of `source`.

    Args:
        layer: a convolution or a batch normalization, with weights, of a thinner network.
        source: a network of inverted residual blocks (`blocks.inverted_residual_stages`).
        name: the layer of `source` that corresponds to `layer`.

    Returns:
        Arrays of the shapes of `layer`'s weights. None for a layer of the decoder with another
        shape.
    """
    weights: list[Array] = source.get_layer(name).get_weights()
    shapes = [tuple(weight.shape) for weight in layer.weights]
    if [weight.shape for weight in weights] == shapes:
        return weights
    if name.startswith(DECODER_LAYERS):
        return None
    block, _, part = name.partition("_")
    if block == "stem":  # in place of an expansion in the first block
        block, part = "b0", part or "expand"
    # Into a projection, hidden channels come. Its batch normalization has the same shape in both.
    axis = -2 if part in ("depthwise", "project") else -1
    kept = hidden_channels(source, block, shapes[0][axis])
    return [weight.take(kept, axis) for weight in weights]


def hidden_channels(source: keras.Model, block: str, count: int) -> Array:
    """Return the numbers of the `count` most important hidden channels of a block, ascending."""
    scale, offset, *_ = source.get_layer(f"{block}_depthwise_bn").get_weights()
    (projection,) = source.get_layer(f"{block}_project").get_weights()
    values = np.clip(offset[:, None] + np.abs(scale)[:, None] * _NORMAL, 0, _RELU6_END)
    importance = values.var(axis=1) * np.square(projection).sum(axis=(0, 1, 3))
    return np.sort(np.argsort(-importance, kind="stable")[:count])
