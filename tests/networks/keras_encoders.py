"""Encoders of the Keras networks. Each gives its features at strides 2 to 32, finest first."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from tests.networks.keras_blocks import Tensor, conv, conv_norm, norm
from tfl_depth.models.blocks import PIXEL_OFFSET, PIXEL_SCALE, conv_bn, inverted_residual_stages
from tfl_depth.models.efficientnet_lite import STAGES
from tfl_depth.models.pretrained import load_efficientnet_lite0_imagenet


def resnet(
    image: Tensor, filters: Sequence[int] = (64, 64, 128, 256, 512), blocks: int = 2
) -> list[Tensor]:
    """ResNet of basic blocks, as torchvision's ResNet-18 (K. He et al., CVPR 2016)."""
    x = conv_norm(image, filters[0], 7, 2)
    features = [x]
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for stage, width in enumerate(filters[1:]):
        for repeat in range(blocks):
            x = _basic_block(x, width, 2 if stage and not repeat else 1)
        features.append(x)
    return features


def _basic_block(x: Tensor, filters: int, stride: int) -> Tensor:
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = conv_norm(x, filters, 1, stride, None)
    branch = conv_norm(conv_norm(x, filters, 3, stride), filters, 3, 1, None)
    return layers.ReLU()(layers.Add()([branch, shortcut]))


def lite0(image: Tensor) -> list[Tensor]:
    """EfficientNet-Lite0, whose ImageNet weights `load_lite0` sets."""
    return inverted_residual_stages(conv_bn(image, 32, 3, 2, "stem"), STAGES, 0.0)


def load_lite0(
    model: keras.Model, mean: Sequence[float] = (0,) * 3, std: Sequence[float] = (1,) * 3
) -> None:
    """Set the weights of `lite0` to ImageNet's, for an image (pixels from 0 to 1 - mean) / std.

    The weights are for (pixel - 127) / 128: the stem takes the difference, exactly so but at the
    border.
    """
    load_efficientnet_lite0_imagenet(model)
    gain = 255 * np.asarray(std, np.float32) / PIXEL_SCALE
    offset = (255 * np.asarray(mean, np.float32) - PIXEL_OFFSET) / PIXEL_SCALE
    stem, stem_norm = model.get_layer("stem"), model.get_layer("stem_bn")
    (kernel,) = stem.get_weights()
    gamma, beta, moving_mean, variance = stem_norm.get_weights()
    stem.set_weights([kernel * gain[:, None]])
    moving_mean = moving_mean - (kernel * offset[:, None]).sum(axis=(0, 1, 2))
    stem_norm.set_weights([gamma, beta, moving_mean, variance])


def bottleneck_resnet(image: Tensor, repeats: Sequence[int], width: int = 64) -> list[Tensor]:
    """ResNet of bottlenecks, as ResNet-50; its last features have 32 times `width` channels."""
    x = conv_norm(image, width, 7, 2)
    features = [x]
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for stage, count in enumerate(repeats):
        for repeat in range(count):
            x = _bottleneck(x, width * 2**stage, 2 if stage and not repeat else 1)
        features.append(x)
    return features


def _bottleneck(x: Tensor, filters: int, stride: int) -> Tensor:
    shortcut = x
    if stride > 1 or x.shape[-1] != 4 * filters:
        shortcut = conv_norm(x, 4 * filters, 1, stride, None)
    branch = conv_norm(conv_norm(x, filters, 1), filters, 3, stride)
    branch = conv_norm(branch, 4 * filters, 1, 1, None)
    return layers.ReLU()(layers.Add()([branch, shortcut]))


def dense_blocks(image: Tensor, repeats: Sequence[int], growth: int = 32) -> list[Tensor]:
    """DenseNet (G. Huang et al., CVPR 2017): each layer takes what all before it gave."""
    x = conv_norm(image, 2 * growth, 7, 2)
    features = [x]
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for stage, count in enumerate(repeats):
        if stage:
            x = layers.AveragePooling2D(2)(conv(norm(x, "relu"), x.shape[-1] // 2, 1, bias=False))
        for _ in range(count):
            inner = conv_norm(norm(x, "relu"), 4 * growth, 1)
            x = layers.Concatenate()([x, conv(inner, growth, 3, bias=False)])
        features.append(x)
    features[-1] = norm(x, "relu")
    return features
