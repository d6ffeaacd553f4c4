"""Networks of convolutions and attention: MobileViT, DPT, Lite-Mono."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from tests.networks.keras_blocks import (
    Tensor,
    bilinear,
    conv,
    conv_norm,
    depthwise,
    layer_norm,
    norm,
    reflect_conv,
    transformer,
)
from tests.networks.keras_cnns import refine
from tests.networks.keras_encoders import lite0, load_lite0
from tests.networks.stranger import IMAGENET_MEAN, IMAGENET_STD, Size, repeated, scaled


def mobilevit(size: Size, width: float = 1.0) -> keras.Model:
    """EfficientNet-Lite0, MobileViT blocks at strides 8 to 32, transposed convolutions, sigmoid.

    The blocks: S. Mehta and M. Rastegari, "MobileViT" (ICLR 2022).
    """
    image = keras.Input((*size, 3), name="image")
    stride2, stride4, stride8, stride16, stride32 = lite0(image)
    x = _mobilevit_block(stride32, scaled(96, width), 3)
    stride16 = _mobilevit_block(stride16, scaled(80, width), 2)
    stride8 = _mobilevit_block(stride8, scaled(64, width), 2)
    skips = (stride16, stride8, stride4, stride2)
    for channels, skip in zip((128, 96, 64, 32), skips, strict=True):
        x = layers.Conv2DTranspose(scaled(channels, width), 2, 2)(x)
        x = conv_norm(layers.Concatenate()([x, skip]), scaled(channels, width))
    depth = 10 * ops.sigmoid(conv(x, 1, name="head"))
    model = keras.Model(image, depth, name="mobilevit")
    load_lite0(model, IMAGENET_MEAN, IMAGENET_STD)
    return model


def _mobilevit_block(x: Tensor, width: int, count: int) -> Tensor:
    _, height, breadth, channels = x.shape
    local = conv(conv_norm(x, channels, 3, 1, "silu"), width, 1, bias=False)
    tokens = _unfold(local)
    for _ in range(count):
        tokens = transformer(tokens, 4, 2, "silu")
    spread = _fold(layer_norm(tokens), height, breadth)
    spread = conv_norm(spread, channels, 1, 1, "silu")
    return conv_norm(layers.Concatenate()([x, spread]), channels, 3, 1, "silu")


def _unfold(x: Tensor) -> Tensor:
    """(batch, H, W, C) to (4 batch, H W / 4, C): tokens are pixels of one place in 2x2 patches."""
    _, height, width, channels = x.shape
    x = ops.reshape(x, (-1, 2, width // 2, 2 * channels))
    x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, height * width // 4, 4, channels))
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, height * width // 4, channels))


def _fold(tokens: Tensor, height: int, width: int) -> Tensor:
    channels = tokens.shape[-1]
    x = ops.reshape(tokens, (-1, 4, height * width // 4, channels))
    x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, width // 2, 2, 2 * channels))
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, height, width, channels))


class Position(layers.Layer):  # type: ignore[misc]
    """A learned vector for each token."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape[1:], initializer="truncated_normal")

    def call(self, tokens: Any) -> Any:
        return tokens + self.table


def dpt(size: Size, width: float = 1.0) -> keras.Model:
    """ViT-S of patches of 16 and the dense prediction transformer's decoder, 10 sigmoid.

    R. Ranftl et al. (ICCV 2021); the head in meters is that of Depth Anything V2.
    """
    image = keras.Input((*size, 3), name="image")
    heads, count = repeated(6, width), repeated(12, width)
    patches = layers.Conv2D(64 * heads, 16, 16)(image)
    _, height, breadth, channels = patches.shape
    tokens = Position()(ops.reshape(patches, (-1, height * breadth, channels)))
    levels = []
    for index in range(max(count, 4)):
        tokens = _encoder_layer(tokens, heads)
        if (index + 1) % (max(count, 4) // 4) == 0:
            levels.append(ops.reshape(layer_norm(tokens), (-1, height, breadth, channels)))
    x = refine([_reassemble(level, place, width) for place, level in enumerate(levels)])
    x = conv(bilinear(conv(x, scaled(64, width))), scaled(32, width), activation="relu")
    return keras.Model(image, 10 * ops.sigmoid(conv(x, 1, 1, name="head")), name="dpt")


def _encoder_layer(tokens: Tensor, heads: int) -> Tensor:
    normal = layer_norm(tokens)
    mixed = layers.MultiHeadAttention(heads, 64)(normal, normal)
    tokens = layers.Add()([tokens, mixed])
    inner = layers.Dense(4 * tokens.shape[-1], activation="gelu")(layer_norm(tokens))
    return layers.Add()([tokens, layers.Dense(tokens.shape[-1])(inner)])


def _reassemble(x: Tensor, place: int, width: float) -> Tensor:
    """The features of one depth, at a stride of 4, 8, 16 or 32."""
    x = conv(x, scaled(48 * 2**place, width), 1)
    if place < 2:
        x = layers.Conv2DTranspose(x.shape[-1], 4 >> place, 4 >> place)(x)
    elif place == 3:
        x = conv(x, x.shape[-1], 3, 2)
    return conv(x, scaled(64, width), bias=False)


def litemono(size: Size, width: float = 1.0) -> keras.Model:
    """Dilated depthwise convolutions, attention between channels; 1 / (0.1 + 9.9 sigmoid).

    N. Zhang et al., "Lite-Mono" (CVPR 2023).
    """
    image = keras.Input((*size, 3), name="image")
    filters = [scaled(c, width) for c in (48, 80, 128)]
    x = conv_norm(image, filters[0], 3, 2, "gelu")
    x = conv_norm(conv_norm(x, filters[0], 3, 1, "gelu"), filters[0], 3, 1, "gelu")
    levels = []
    for stage, dilations in enumerate(((1, 2, 3), (1, 2, 3), (1, 2, 3, 2, 4, 6))):
        pooled = layers.AveragePooling2D(2 << stage)(image)
        x = conv(norm(layers.Concatenate()([x, pooled])), filters[stage], 3, 2, bias=False)
        # All of them at a quarter of the width as well.
        for dilation in dilations[: repeated(len(dilations), min(1.0, 4 * width))]:
            x = _dilated_block(x, dilation)
        x = _global_block(x)
        levels.append(x)
    for level in (*levels[-2::-1], None):
        x = bilinear(ops.elu(reflect_conv(x, max(8, x.shape[-1] // 2))))
        x = x if level is None else layers.Concatenate()([x, level])
        x = ops.elu(reflect_conv(x, max(8, x.shape[-1] // 2)))
    disparity = ops.sigmoid(reflect_conv(x, 1, name="head"))
    return keras.Model(image, 1 / (0.1 + 9.9 * disparity), name="litemono")


def _dilated_block(x: Tensor, dilation: int) -> Tensor:
    filters = x.shape[-1]
    inner = norm(depthwise(x, 3, dilation=dilation))
    inner = layers.Dense(filters)(layers.Dense(6 * filters, activation="gelu")(inner))
    return layers.Add()([x, inner])


def _global_block(x: Tensor) -> Tensor:
    """Cross-covariance attention (A. El-Nouby et al., NeurIPS 2021) and a perceptron."""
    _, height, breadth, filters = x.shape
    tokens = ops.reshape(x, (-1, height * breadth, filters))
    tokens = layers.Add()([tokens, _channel_attention(layer_norm(tokens), 8)])
    x = ops.reshape(tokens, (-1, height, breadth, filters))
    inner = layers.Dense(6 * filters, activation="gelu")(layer_norm(x))
    return layers.Add()([x, layers.Dense(filters)(inner)])


def _channel_attention(tokens: Tensor, heads: int) -> Tensor:
    _, count, filters = tokens.shape
    heads = min(heads, filters // 8)
    q, k, v = (
        ops.transpose(ops.reshape(part, (-1, count, heads, filters // heads)), (0, 2, 3, 1))
        for part in ops.split(layers.Dense(3 * filters)(tokens), 3, axis=-1)
    )
    q, k = (part * ops.rsqrt(ops.sum(part * part, -1, keepdims=True) + 1e-6) for part in (q, k))
    shares = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))))
    mixed = ops.transpose(ops.matmul(shares, v), (0, 3, 1, 2))
    return layers.Dense(filters)(ops.reshape(mixed, (-1, count, filters)))
