"""Blocks that the Keras networks share, with the borders that their PyTorch originals have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import layers, ops

# A keras.KerasTensor: Keras is not typed.
Tensor = Any
Activation = str | Callable[[Tensor], Tensor] | None


def conv(
    x: Tensor,
    filters: int,
    kernel: int = 3,
    stride: int = 1,
    *,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = True,
    activation: Activation = None,
    name: str | None = None,
) -> Tensor:
    """A convolution that is padded by as much on every side, as PyTorch does."""
    border = dilation * (kernel - 1) // 2
    padding = "same"
    if stride > 1 and border:
        x, padding = layers.ZeroPadding2D(border)(x), "valid"
    return layers.Conv2D(
        filters,
        kernel,
        stride,
        padding=padding,
        dilation_rate=dilation,
        groups=groups,
        use_bias=bias,
        activation=activation,
        name=name,
    )(x)


def depthwise(x: Tensor, kernel: int = 3, stride: int = 1, *, dilation: int = 1) -> Tensor:
    """A depthwise convolution without bias, padded as `conv`."""
    border, padding = dilation * (kernel - 1) // 2, "same"
    if stride > 1:
        x, padding = layers.ZeroPadding2D(border)(x), "valid"
    return layers.DepthwiseConv2D(
        kernel, stride, padding=padding, dilation_rate=dilation, use_bias=False
    )(x)


def reflect(x: Tensor, border: int = 1) -> Tensor:
    """Pad with what lies on the other side of the border."""
    return ops.pad(x, ((0, 0), (border, border), (border, border), (0, 0)), mode="reflect")


def reflect_conv(x: Tensor, filters: int, *, name: str | None = None) -> Tensor:
    """A 3x3 convolution with reflection padding."""
    return layers.Conv2D(filters, 3, name=name)(reflect(x))


def norm(x: Tensor, activation: Activation = None) -> Tensor:
    """Batch normalization, then the activation."""
    x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9)(x)
    return x if activation is None else layers.Activation(activation)(x)


def conv_norm(
    x: Tensor,
    filters: int,
    kernel: int = 3,
    stride: int = 1,
    activation: Activation = "relu",
    **options: Any,
) -> Tensor:
    """A convolution, batch normalization and an activation."""
    return norm(conv(x, filters, kernel, stride, bias=False, **options), activation)


def nearest(x: Tensor, times: int = 2) -> Tensor:
    """Enlarge by repeating pixels."""
    return layers.UpSampling2D(times, interpolation="nearest")(x)


def bilinear(x: Tensor, times: int = 2) -> Tensor:
    """Enlarge with half-pixel centers."""
    return layers.UpSampling2D(times, interpolation="bilinear")(x)


def squeeze_excite(
    x: Tensor, squeezed: int, activation: Activation = "relu", gate: Activation = "sigmoid"
) -> Tensor:
    """Weigh the channels by their means (J. Hu et al., CVPR 2018)."""
    weights = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = layers.Conv2D(squeezed, 1, activation=activation)(weights)
    weights = layers.Conv2D(x.shape[-1], 1, activation=gate)(weights)
    return layers.Multiply()([x, weights])


def layer_norm(x: Tensor) -> Tensor:
    """Layer normalization over the channels."""
    return layers.LayerNormalization(epsilon=1e-6)(x)


def attention(x: Tensor, heads: int) -> Tensor:
    """Self-attention of tokens (batch, tokens, channels), by one matrix for q, k and v."""
    _, count, width = x.shape
    depth = width // heads
    q, k, v = ops.split(layers.Dense(3 * width)(x), 3, axis=-1)
    q, k, v = (
        ops.transpose(ops.reshape(part, (-1, count, heads, depth)), (0, 2, 1, 3))
        for part in (q, k, v)
    )
    scores = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) * depth**-0.5)
    mixed = ops.transpose(ops.matmul(scores, v), (0, 2, 1, 3))
    return layers.Dense(width)(ops.reshape(mixed, (-1, count, width)))


def transformer(x: Tensor, heads: int, widening: int = 4, activation: str = "gelu") -> Tensor:
    """A layer of a vision transformer: attention and a perceptron, normalized first."""
    x = layers.Add()([x, attention(layer_norm(x), heads)])
    inner = layers.Dense(widening * x.shape[-1], activation=activation)(layer_norm(x))
    return layers.Add()([x, layers.Dense(x.shape[-1])(inner)])


def join(x: Tensor, skip: Tensor, filters: int, activation: Activation = "relu") -> Tensor:
    """What a U-Net does on its way up: concatenate with the encoder's features, convolve twice."""
    x = layers.Concatenate()([x, skip])
    return conv_norm(conv_norm(x, filters, activation=activation), filters, activation=activation)
