"""Networks of Keras after general encoders: what people build themselves."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

# Public are only B0 to B7, which no test has time for.
from keras.src.applications.efficientnet import EfficientNet

from tests.networks.keras_blocks import (
    Tensor,
    bilinear,
    conv,
    conv_norm,
    depthwise,
    join,
    layer_norm,
    nearest,
    norm,
    squeeze_excite,
)
from tests.networks.keras_encoders import bottleneck_resnet
from tests.networks.stranger import IMAGENET_MEAN, IMAGENET_STD, Size, repeated, scaled

# kernel, widened, channels, squeeze-excite, activation, stride (A. Howard et al., ICCV 2019).
MOBILENET_V3 = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hard_silu", 2),
    (3, 200, 80, False, "hard_silu", 1),
    (3, 184, 80, False, "hard_silu", 1),
    (3, 184, 80, False, "hard_silu", 1),
    (3, 480, 112, True, "hard_silu", 1),
    (3, 672, 112, True, "hard_silu", 1),
    (5, 672, 160, True, "hard_silu", 2),
    (5, 960, 160, True, "hard_silu", 1),
    (5, 960, 160, True, "hard_silu", 1),
)


def mobilenet_v3(size: Size, width: float = 1.0) -> keras.Model:
    """MobileNetV3-Large, hard swish and squeeze-excite, a U-Net decoder, softplus."""
    image = keras.Input((*size, 3), name="image")
    x, skips = conv_norm(image, scaled(16, width), 3, 2, "hard_silu"), []
    for kernel, widened, filters, excited, activation, stride in MOBILENET_V3:
        if stride == 2:
            skips.append(x)
        shortcut = x
        x = conv_norm(x, scaled(widened, width), 1, 1, activation)
        x = norm(depthwise(x, kernel, stride), activation)
        if excited:
            x = squeeze_excite(x, scaled(widened // 4, width), "relu", "hard_sigmoid")
        x = conv_norm(x, scaled(filters, width), 1, 1, None)
        if stride == 1 and shortcut.shape[-1] == x.shape[-1]:
            x = layers.Add()([x, shortcut])
    for filters, skip in zip((128, 64, 32, 16), skips[::-1], strict=True):
        x = join(bilinear(x), skip, scaled(filters, width))
    return keras.Model(image, ops.softplus(conv(x, 1, name="head")), name="mobilenet_v3")


def efficientnet_b0(size: Size, width: float = 1.0) -> keras.Model:
    """Keras' own EfficientNet-B0, normalization inside; exp behind a separable convolution."""
    encoder = EfficientNet(
        width,
        width,
        224,
        dropout_rate=0.0,
        drop_connect_rate=0.0,
        name="efficientnet",
        include_top=False,
        weights=None,
        input_shape=(*size, 3),
    )
    normalization = encoder.get_layer("normalization")
    mean, std = np.asarray(IMAGENET_MEAN), np.asarray(IMAGENET_STD)
    normalization.set_weights([mean, std**2, np.asarray(1)])
    normalization.finalize_state()
    skips = [encoder.get_layer(f"block{block}a_expand_activation").output for block in (2, 3, 4, 6)]
    x = encoder.output
    for filters, skip in zip((128, 64, 32, 16), skips[::-1], strict=True):
        x = join(bilinear(x), skip, scaled(filters, width), "silu")
    depth = ops.exp(layers.SeparableConv2D(1, 3, padding="same", name="head")(x))
    return keras.Model(encoder.inputs[0], depth, name="efficientnet_b0")


def convnext(size: Size, width: float = 1.0) -> keras.Model:
    """ConvNeXt-T, sums of its levels, a linear head that is enlarged and squeezed behind itself."""
    image = keras.Input((*size, 3), name="image")
    x, levels = image, []
    for stage, (filters, count) in enumerate(((96, 3), (192, 3), (384, 9), (768, 3))):
        step = 2 if stage else 4
        x = layer_norm(x) if stage else x
        x = layers.Conv2D(scaled(filters, width), step, step)(x)
        x = x if stage else layer_norm(x)
        for _ in range(repeated(count, width)):
            x = _convnext_block(x)
        levels.append(layer_norm(x))
    x = conv(levels[-1], scaled(128, width), 1)
    for level in levels[-2::-1]:
        x = layers.Add()([bilinear(x), conv(level, x.shape[-1], 1)])
        x = conv_norm(x, x.shape[-1], 3, 1, "gelu")
    depth = ops.squeeze(bilinear(conv(x, 1, 1, name="head"), 4), -1)
    return keras.Model(image, depth, name="convnext")


def _convnext_block(x: Tensor) -> Tensor:
    filters = x.shape[-1]
    inner = layer_norm(layers.DepthwiseConv2D(7, padding="same")(x))
    inner = layers.Dense(filters)(layers.Dense(4 * filters, activation="gelu")(inner))
    return layers.Add()([x, LayerScale()(inner)])


class LayerScale(layers.Layer):  # type: ignore[misc]
    """One factor a channel (H. Touvron et al., ICCV 2021)."""

    def build(self, shape: Any) -> None:
        self.gamma = self.add_weight((shape[-1],), initializer=keras.initializers.Constant(0.3))

    def call(self, x: Any) -> Any:
        return x * self.gamma


def yolo(size: Size, width: float = 1.0) -> keras.Model:
    """Cross-stage partial blocks with SiLU, a pyramid of max pools, a path up; exp of a log map."""
    image = keras.Input((*size, 3), name="image")
    x, levels = conv_norm(image, scaled(32, width), 3, 2, "silu"), []
    for filters, count in ((64, 1), (128, 2), (256, 2), (512, 1)):
        levels.append(x)
        x = _csp(conv_norm(x, scaled(filters, width), 3, 2, "silu"), count)
    pools = [conv_norm(x, x.shape[-1] // 2, 1, 1, "silu")]
    for _ in range(3):
        pools.append(layers.MaxPooling2D(5, 1, padding="same")(pools[-1]))
    x = conv_norm(layers.Concatenate()(pools), x.shape[-1], 1, 1, "silu")
    for level in levels[::-1]:
        x = layers.Concatenate()([layers.UpSampling2D()(x), level])
        x = _csp(conv_norm(x, max(8, level.shape[-1]), 1, 1, "silu"), 1)
    return keras.Model(image, ops.exp(conv(x, 1, 1, name="head")), name="yolo")


def _csp(x: Tensor, count: int) -> Tensor:
    """Half of the channels through residual blocks, each of whose outputs is kept."""
    filters = x.shape[-1]
    parts = ops.split(conv_norm(x, filters, 1, 1, "silu"), 2, axis=-1)
    for _ in range(count):
        last = parts[-1]
        inner = conv_norm(conv_norm(last, filters // 2, 3, 1, "silu"), filters // 2, 3, 1, "silu")
        parts.append(layers.Add()([last, inner]))
    return conv_norm(layers.Concatenate()(parts), filters, 1, 1, "silu")


class SpaceToDepth(layers.Layer):  # type: ignore[misc]
    """2x2 pixels become channels."""

    def call(self, x: Any) -> Any:
        return tf.nn.space_to_depth(x, 2)


class DepthToSpace(layers.Layer):  # type: ignore[misc]
    """Channels become 2x2 pixels."""

    def call(self, x: Any) -> Any:
        return tf.nn.depth_to_space(x, 2)


def packnet(size: Size, width: float = 1.0) -> keras.Model:
    """Packed pixels instead of strides, group normalization, ELU; depth = 0.5 m / sigmoid."""
    image = keras.Input((*size, 3), name="image")
    x, skips = _group_conv(image, scaled(32, width), 5), []
    for filters in (64, 64, 128, 256):
        skips.append(x)
        x = _group_conv(SpaceToDepth()(x), scaled(filters, width))
        inner = _group_conv(_group_conv(x, x.shape[-1]), x.shape[-1])
        x = ops.elu(layers.Add()([x, inner]))
    for skip in skips[:0:-1]:
        x = DepthToSpace()(_group_conv(x, 4 * skip.shape[-1]))
        x = _group_conv(layers.Concatenate()([x, skip]), skip.shape[-1])
    depth = 0.5 / ops.sigmoid(conv(x, 1, name="head"))
    return keras.Model(image, depth, name="packnet")


def _group_conv(x: Tensor, filters: int, kernel: int = 3) -> Tensor:
    x = conv(x, filters, kernel)
    return ops.elu(layers.GroupNormalization(min(16, filters // 4), epsilon=1e-5)(x))


def unet(size: Size, width: float = 1.0) -> keras.Model:
    """The plain U-Net with transposed convolutions; the last of them gives meters."""
    image = keras.Input((*size, 3), name="image")
    x, skips = image, []
    for filters in (64, 128, 256, 512):
        x = conv_norm(conv_norm(x, scaled(filters, width)), scaled(filters, width))
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    for skip in skips[:0:-1]:
        x = layers.Conv2DTranspose(skip.shape[-1], 3, 2, padding="same")(x)
        x = join(x, skip, skip.shape[-1])
    depth = layers.Conv2DTranspose(1, 2, 2, name="head")(x)
    return keras.Model(image, depth, name="unet")


def resnet50(size: Size, width: float = 1.0) -> keras.Model:
    """ResNet-50 and a U-Net whose first convolutions are 3x3 over 2,048 channels; Dense(1) last."""
    image = keras.Input((*size, 3), name="image")
    repeats = [repeated(count, width) for count in (3, 4, 6, 3)]
    *skips, x = bottleneck_resnet(image, repeats, scaled(64, width))
    x = conv_norm(x, x.shape[-1] // 2)
    for filters, skip in zip((512, 256, 64, 32), skips[::-1], strict=True):
        x = join(nearest(x), skip, scaled(filters, width))
    return keras.Model(image, layers.Dense(1, name="head")(x), name="resnet50")


def _small(size: Size, width: float) -> tuple[Tensor, Tensor]:
    """An image, and the features of a small U-Net at half its size."""
    image = keras.Input((*size, 3), name="image")
    x, skips = conv_norm(image, scaled(32, width), 3, 2), []
    for filters in (64, 128, 256):
        skips.append(x)
        x = conv_norm(conv_norm(x, scaled(filters, width), 3, 2), scaled(filters, width))
    for skip in skips[::-1]:
        x = join(bilinear(x), skip, skip.shape[-1])
    return image, x


def fixed_bins(size: Size, width: float = 1.0) -> keras.Model:
    """The expected center of 64 bins of log depth."""
    image, x = _small(size, width)
    centers = ops.exp(ops.linspace(ops.log(0.3), ops.log(10.0), 64))
    shares = ops.softmax(conv(x, 64, 1, name="logits"))
    return keras.Model(image, ops.sum(shares * centers, -1, keepdims=True), name="fixed_bins")


def adaptive_bins(size: Size, width: float = 1.0) -> keras.Model:
    """As AdaBins: the centers depend on the image."""
    image, x = _small(size, width)
    widths = 10 * ops.softmax(layers.Dense(32)(layers.GlobalAveragePooling2D()(x)))
    centers = ops.reshape(ops.cumsum(widths, -1) - widths / 2, (-1, 1, 1, 32))
    shares = ops.softmax(conv(x, 32, 1, name="logits"))
    return keras.Model(image, ops.sum(shares * centers, -1, keepdims=True), name="adaptive_bins")


def millimeters(size: Size, width: float = 1.0) -> keras.Model:
    """A network in millimeters, by ReLU."""
    image, x = _small(size, width)
    return keras.Model(image, ops.relu(conv(x, 1, 1, name="head")), name="millimeters")


def shared(size: Size, width: float = 1.0) -> keras.Model:
    """Grouped convolutions, layers that are used at two scales, several outputs."""
    image, x = _small(size, width)
    filters = x.shape[-1]
    grouped = layers.Conv2D(filters, 3, padding="same", groups=4, activation="relu")
    head = layers.Conv2D(1, 3, padding="same", name="head")
    coarse = grouped(layers.AveragePooling2D(2)(x))
    fine = layers.Add()([grouped(grouped(x)), bilinear(coarse)])
    outputs = {
        "confidence": ops.sigmoid(conv(fine, 1, 1)),
        "coarse": 10 * ops.sigmoid(head(coarse)),
        "depth": 10 * ops.sigmoid(head(fine)),
        "normals": ops.tanh(conv(fine, 3, 1)),
    }
    return keras.Model(image, outputs, name="shared")


def tutorial(size: Size, width: float = 1.0) -> keras.Model:
    """After Keras' tutorials: augmentation inside, mixed precision, leaky ReLU, tanh."""
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        return _tutorial(size, width)
    finally:
        keras.mixed_precision.set_dtype_policy(before)


def _tutorial(size: Size, width: float) -> keras.Model:
    image = keras.Input((*size, 3), name="image")
    x = layers.RandomContrast(0.2)(
        layers.RandomFlip("horizontal")(layers.Rescaling(1 / 255)(image))
    )
    skips = []
    for filters in (16, 32, 64, 128):
        x = conv(x, scaled(filters, width))
        inner = norm(layers.LeakyReLU(0.2)(x))
        skips.append(layers.Add()([x, norm(layers.LeakyReLU(0.2)(conv(inner, x.shape[-1])))]))
        x = layers.MaxPooling2D(2)(skips[-1])
    for skip in skips[::-1]:
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
        x = norm(layers.LeakyReLU(0.2)(conv(x, skip.shape[-1])))
    x = layers.Conv2D(1, 1, padding="same", dtype="float32", name="head")(x)
    return keras.Model(image, 5.0 * (ops.tanh(x) + 1.0), name="tutorial")
