"""ResNet-18, an encoder of plain convolutions: many multiplications, no depthwise filters.

Architecture: K. He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016), table 1,
without pooling and classifier. Borders are padded as TensorFlow does ("same").
"""

from __future__ import annotations

import keras
from keras import layers

from tfl_depth.models.blocks import activate, add_residual, conv_bn, normalize

STEM_FILTERS = 64
# The channels of each stage of two blocks. All stages but the first halve the resolution.
STAGE_FILTERS = (64, 128, 256, 512)
BLOCKS_PER_STAGE = 2


def resnet18(pixels: keras.KerasTensor, drop_path: float = 0.0) -> list[keras.KerasTensor]:
    """Build the encoder on `pixels` and return its features, finest first.

    Args:
        pixels: (batch, H, W, 3) float32, RGB, 0 to 255; H and W divisible by 32.
        drop_path: rate at which the last residual branch is dropped in training; earlier
            branches are dropped proportionally less (Huang et al., ECCV 2016).

    Returns:
        Five tensors (batch, H/s, W/s, C) for strides s = 2, 4, 8, 16, 32 with
        C = 64, 64, 128, 256, 512.
    """
    stem = conv_bn(normalize(pixels), STEM_FILTERS, 7, 2, "stem", activation="relu")
    features = [stem]
    x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(stem)
    block_count = BLOCKS_PER_STAGE * len(STAGE_FILTERS)
    for index in range(block_count):
        stage, repeat = divmod(index, BLOCKS_PER_STAGE)
        stride = 2 if stage > 0 and repeat == 0 else 1
        x = _basic_block(
            x, STAGE_FILTERS[stage], stride, drop_path * index / block_count, f"b{index}"
        )
        if repeat == BLOCKS_PER_STAGE - 1:
            features.append(x)
    return features


def _basic_block(
    x: keras.KerasTensor, filters: int, stride: int, drop_path: float, name: str
) -> keras.KerasTensor:
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = conv_bn(x, filters, 1, stride, f"{name}_shortcut", activation=None)
        if drop_path:
            # Keras orders weights by their layers' depth. This layer is as deep as the branch: the
            # order is the same with and without drop path.
            shortcut = layers.Identity(name=f"{name}_shortcut_end")(shortcut)
    x = conv_bn(x, filters, 3, stride, f"{name}_first", activation="relu")
    x = conv_bn(x, filters, 3, 1, f"{name}_second", activation=None)
    return activate(add_residual(x, shortcut, drop_path, name), "relu", name)
