"""MobileNetV2, at any width from 0.35 to 1: the smallest of the encoders.

Architecture: M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (CVPR
2018), table 2, without the last 1x1 convolution. With the same weights it computes the same
as `keras.applications.MobileNetV2`, which has no stochastic depth.
"""

from __future__ import annotations

from dataclasses import replace

import keras

from tfl_depth.models.blocks import Stage, conv_bn, inverted_residual_stages, normalize

NARROWEST, WIDEST = 0.35, 1.0
STEM_FILTERS = 32
# Table 2 of the paper.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(3, 3, 2, 6, 32),
    Stage(4, 3, 2, 6, 64),
    Stage(3, 3, 1, 6, 96),
    Stage(3, 3, 2, 6, 160),
    Stage(1, 3, 1, 6, 320),
)


def mobilenet_v2(
    pixels: keras.KerasTensor, drop_path: float = 0.0, *, width: float = 1.0
) -> list[keras.KerasTensor]:
    """Build the encoder on `pixels` and return its features, finest first.

    Args:
        pixels: (batch, H, W, 3) float32, RGB, 0 to 255; H and W divisible by 32.
        drop_path: rate at which the last residual branch is dropped in training; earlier
            branches are dropped proportionally less (Huang et al., ECCV 2016).
        width: share of the paper's channels in every layer, 0.35 to 1.

    Returns:
        Five tensors (batch, H/s, W/s, C) for strides s = 2, 4, 8, 16, 32 with
        C = 16, 24, 32, 96, 320 times `width`, as multiples of 8.

    Raises:
        ValueError: a width below 0.35 or above 1.
    """
    if not NARROWEST <= width <= WIDEST:
        raise ValueError(f"Expected `width` to be {NARROWEST} to {WIDEST}, got {width}.")
    stem = conv_bn(normalize(pixels), _channels(STEM_FILTERS * width), 3, 2, "stem")
    stages = [replace(stage, filters=_channels(stage.filters * width)) for stage in STAGES]
    return inverted_residual_stages(stem, stages, drop_path)


def _channels(wanted: float) -> int:
    """The nearest multiple of 8 that is at most 10 % below `wanted`.

    Like `_make_divisible` in the authors' code:
    https://github.com/tensorflow/models/blob/master/research/slim/nets/mobilenet/conv_blocks.py.
    """
    nearest = max(8, int(wanted + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * wanted else nearest + 8
