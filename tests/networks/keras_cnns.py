"""Convolutional networks of Keras after public depth estimators."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from tests.networks.keras_blocks import (
    Tensor,
    bilinear,
    conv,
    conv_norm,
    depthwise,
    nearest,
    norm,
    reflect_conv,
    squeeze_excite,
)
from tests.networks.keras_encoders import dense_blocks, lite0, load_lite0, resnet
from tests.networks.stranger import IMAGENET_MEAN, IMAGENET_STD, Size, scaled


def monodepth2(size: Size, width: float = 1.0) -> keras.Model:
    """ResNet-18, reflection padding, ELU, a sigmoid's disparity at four scales."""
    image = keras.Input((*size, 3), name="image")
    features = resnet((image - 0.45) / 0.225, [scaled(c, width) for c in (64, 64, 128, 256, 512)])
    x, outputs = features[-1], {}
    for scale in (4, 3, 2, 1, 0):
        filters = scaled(16 * 2**scale, width)
        x = nearest(ops.elu(reflect_conv(x, filters)))
        if scale:
            x = layers.Concatenate()([x, features[scale - 1]])
        x = ops.elu(reflect_conv(x, filters))
        if scale < 4:
            logits = reflect_conv(x, 1, name=f"disparity{scale}" if scale else "head")
            outputs[f"disp_{scale}"] = ops.sigmoid(logits)
    return keras.Model(image, outputs, name="monodepth2")


def bts(size: Size, width: float = 1.0, *, planes: bool = False) -> keras.Model:
    """DenseNet, dense dilated pyramid, nearest enlargement with ELU, 10 sigmoid.

    With `planes`, the last convolution also takes the depth of a plane in each 8x8 patch.
    """
    image = keras.Input((*size, 3), name="image")
    *skips, x = dense_blocks(image, (2, 2, 3, 2), scaled(32, width))
    for filters, skip in zip((256, 128), skips[:1:-1], strict=True):
        x = _bts_up(x, skip, scaled(filters, width))
    x = _dense_pyramid(x, scaled(64, width))
    cues = [_planar_guidance(x, size)] if planes else []
    for filters, skip in zip((64, 32), skips[1::-1], strict=True):
        x = _bts_up(x, skip, scaled(filters, width))
    x = ops.elu(conv(nearest(x), scaled(16, width), bias=False))
    x = ops.elu(conv(layers.Concatenate()([x, *cues]) if cues else x, scaled(16, width)))
    return keras.Model(image, 10 * ops.sigmoid(conv(x, 1, name="head")), name="bts")


def _bts_up(x: Tensor, skip: Tensor, filters: int) -> Tensor:
    x = norm(ops.elu(conv(nearest(x), filters, bias=False)))
    return ops.elu(conv(layers.Concatenate()([x, skip]), filters, bias=False))


def _dense_pyramid(x: Tensor, filters: int) -> Tensor:
    """Dilated convolutions, each of which takes what all before it gave."""
    found = [x]
    for dilation in (3, 6, 12):
        inner = layers.Concatenate()(found) if len(found) > 1 else x
        inner = conv_norm(norm(inner, "relu"), 2 * filters, 1)
        found.append(conv(inner, filters, 3, dilation=dilation, bias=False))
    return ops.elu(conv(layers.Concatenate()(found), 2 * filters, bias=False))


def _planar_guidance(x: Tensor, size: Size) -> Tensor:
    """Where the ray of each pixel meets the plane of its patch, in shares of the range."""
    _, height, breadth, _ = x.shape
    times = size[0] // height
    theta, phi, distance = ops.split(ops.sigmoid(conv(x, 3, 1)), 3, axis=-1)
    theta, phi = theta * 1.0472, phi * 6.2832
    normal = [ops.sin(theta) * ops.cos(phi), ops.sin(theta) * ops.sin(phi), ops.cos(theta)]
    n1, n2, n3, n4 = (nearest(part, times) for part in (*normal, distance))
    place = (ops.arange(times, dtype="float32") - (times - 1) / 2) / times
    u = ops.reshape(ops.tile(place, [breadth]), (1, 1, -1, 1))
    v = ops.reshape(ops.tile(place, [height]), (1, -1, 1, 1))
    return n4 / (n1 * u + n2 * v + n3)


def densedepth(size: Size, width: float = 1.0) -> keras.Model:
    """DenseNet, bilinear enlargement, concatenation, leaky ReLU; gives 10 m / depth, linear."""
    image = keras.Input((*size, 3), name="image")
    *skips, x = dense_blocks(image, (3, 4, 6, 4), scaled(32, width))
    x = conv(x, scaled(512, width), 1)
    for filters, skip in zip((256, 128, 64, 32), skips[::-1], strict=True):
        x = layers.Concatenate()([bilinear(x), skip])
        for _ in range(2):
            x = layers.LeakyReLU(0.2)(conv(x, scaled(filters, width)))
    return keras.Model(image, conv(x, 1, name="head"), name="densedepth")


def fastdepth(size: Size, width: float = 1.0) -> keras.Model:
    """MobileNet, depthwise 5x5 and nearest enlargement, added skips; batch norm and ReLU last."""
    image = keras.Input((*size, 3), name="image")
    x, skips = conv_norm(image, scaled(32, width), 3, 2), []
    for filters, stride in MOBILENET:
        if stride == 2:
            skips.append(x)
        x = norm(depthwise(x, 3, stride), "relu")
        x = conv_norm(x, scaled(filters, width), 1)
    for filters, skip in zip((512, 256, 128, 64, 32), (None, *skips[2::-1], None), strict=True):
        x = norm(depthwise(x, 5), "relu")
        x = nearest(conv_norm(x, scaled(filters, width), 1))
        if skip is not None:
            x = layers.Add()([x, conv_norm(skip, x.shape[-1], 1)])
    x = conv(x, 1, 1, bias=False)
    x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name="head")(x)
    return keras.Model(image, layers.ReLU()(x), name="fastdepth")


MOBILENET = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *(((512, 1),) * 5),
    (1024, 2),
    (1024, 1),
)


def midas(size: Size, width: float = 1.0) -> keras.Model:
    """EfficientNet-Lite0, residual fusion, ReLU: inverse depth, with its scale and shift inside."""
    image = keras.Input((*size, 3), name="image")
    filters = scaled(64, width)
    levels = [conv(x, filters, bias=False) for x in lite0(image)[1:]]
    x = refine(levels)
    x = conv(bilinear(conv(x, filters // 2)), 32, activation="relu")
    inverse = ops.relu(conv(x, 1, 1, name="head"))
    model = keras.Model(image, 1 / (0.05 * inverse + 0.1), name="midas")
    load_lite0(model, IMAGENET_MEAN, IMAGENET_STD)
    return model


def refine(levels: Sequence[Tensor]) -> Tensor:
    """Fuse features, finest first, as RefineNet does; twice as fine as the finest."""
    x = None
    for level in reversed(levels):
        x = level if x is None else layers.Add()([x, _residual_unit(level)])
        x = conv(bilinear(_residual_unit(x)), level.shape[-1], 1)
    return x


def _residual_unit(x: Tensor) -> Tensor:
    inner = conv(ops.relu(x), x.shape[-1])
    return layers.Add()([x, conv(ops.relu(inner), x.shape[-1])])


def guidedepth(size: Size, width: float = 1.0) -> keras.Model:
    """Two branches of resolutions; each enlargement is guided by the image; clipped meters."""
    image = keras.Input((*size, 3), name="image")
    filters = scaled(64, width)
    x = conv_norm(conv_norm(image, filters // 2, 3, 2), filters, 3, 2)
    fine = conv_norm(x, filters, 3, 2)
    coarse = conv_norm(conv_norm(fine, 2 * filters, 3, 2), 2 * filters)
    fine = layers.Add()([conv_norm(fine, filters), bilinear(conv_norm(coarse, filters, 1))])
    coarse = conv_norm(layers.Add()([coarse, conv_norm(fine, 2 * filters, 3, 2)]), 2 * filters)
    x = layers.Add()([fine, bilinear(conv_norm(coarse, filters, 1, 1, None))])
    for step, times in ((filters, 4), (filters // 2, 2), (filters // 4, 1)):
        guide = image if times == 1 else layers.AveragePooling2D(times)(image)
        x = _guided_up(bilinear(x), guide, max(8, step))
    depth = ops.clip(conv(x, 1, 1, name="head"), 0.1, 10.0)
    return keras.Model(image, depth, name="guidedepth")


def _guided_up(x: Tensor, guide: Tensor, filters: int) -> Tensor:
    x = conv_norm(conv_norm(x, filters), filters)
    guide = conv_norm(conv_norm(guide, filters), filters)
    both = squeeze_excite(layers.Concatenate()([x, guide]), max(4, filters // 8))
    return layers.Add()([x, conv_norm(both, filters, 1)])
