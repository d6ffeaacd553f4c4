"""A network as an NPU sees it: batch normalisation folded, every convolution linear with a bias.

What changes weights before quantisation (`converters.weights`) works on this form.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from tfl_depth.converters.keras_graph import CONVOLUTIONS, only_consumer, rebuilt

# Nothing but the identity when a network is not being trained.
_TRAINING_ONLY = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianNoise)


def canonical(model: keras.Model) -> keras.Model:
    """A copy that computes the same, of convolutions with biases and activations of their own.

    Args:
        model: a graph of layers with a fixed input, from `prepare.at_size`.

    Returns:
        The copy, for any batch; its kernels may be changed, the original keeps its own.
    """
    folded = {id(bn): conv for conv, bn in _normalised(model)}
    normalisation = {id(conv): bn for conv, bn in _normalised(model)}

    def replace(layer: Any) -> Any:
        if id(layer) in folded or isinstance(layer, _TRAINING_ONLY):
            return lambda x, **_: x
        if isinstance(layer, CONVOLUTIONS):
            return _Convolution(layer, normalisation.get(id(layer)))
        return None

    return rebuilt(model, keras.Input(model.inputs[0].shape[1:]), replace)


def _normalised(model: keras.Model) -> list[tuple[Any, Any]]:
    """Convolutions with the batch normalisation that alone takes their output."""
    pairs = []
    for layer in model.layers:
        if isinstance(layer, CONVOLUTIONS) and layer.activation is keras.activations.linear:
            after = only_consumer(model, layer)
            if isinstance(after, layers.BatchNormalization):
                pairs.append((layer, after))
    return pairs


class _Convolution:
    """Called as the layer it replaces, builds the linear one with a bias and its activation."""

    def __init__(self, layer: Any, normalisation: Any | None) -> None:
        config = {**layer.get_config(), "use_bias": True, "activation": "linear"}
        # A constraint or a regulariser means nothing any more.
        self._linear = type(layer).from_config(config)
        self._weights = _folded(layer, normalisation)
        activation = layer.activation
        self._activate = (
            None
            if activation is keras.activations.linear
            else layers.Activation(activation, name=f"{layer.name}_activation")
        )

    def __call__(self, x: Any, **_: Any) -> Any:
        y = self._linear(x)
        self._linear.set_weights(self._weights)
        return y if self._activate is None else self._activate(y)


def _folded(layer: Any, normalisation: Any | None) -> list[npt.NDArray[np.float32]]:
    """Kernel and bias of a convolution and the batch normalisation behind it.

    B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference" (CVPR 2018), section 3.2.
    """
    kernel = np.asarray(layer.get_weights()[0], np.float64)
    channels = kernel.shape[-2] * kernel.shape[-1] if is_depthwise(layer) else kernel.shape[-1]
    bias = np.asarray(layer.get_weights()[1], np.float64) if layer.use_bias else np.zeros(channels)
    if normalisation is not None:
        gain = 1 / np.sqrt(_array(normalisation.moving_variance) + normalisation.epsilon)
        if normalisation.scale:
            gain = gain * _array(normalisation.gamma)
        shift = _array(normalisation.beta) if normalisation.center else 0.0
        bias = (bias - _array(normalisation.moving_mean)) * gain + shift
        kernel = kernel * (gain.reshape(kernel.shape[-2:]) if is_depthwise(layer) else gain)
    return [kernel.astype(np.float32), bias.astype(np.float32)]


def _array(variable: Any) -> npt.NDArray[np.float64]:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float64)


def is_depthwise(layer: Any) -> bool:
    """Whether each channel has a filter of its own: kernel (h, w, channels, multiplier)."""
    return isinstance(layer, layers.DepthwiseConv2D)
