"""EfficientNet-Lite0, an encoder for INT8: ReLU6 everywhere, no squeeze-and-excitation.

Architecture: M. Tan and Q. Le, "EfficientNet" (ICML 2019), in the "Lite" variant of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras

from tfl_depth.models.blocks import Stage, conv_bn, inverted_residual_stages, normalize

STEM_FILTERS = 32
# The EfficientNet-B0 table.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
# Without six blocks that only add to their input: 40 % of the weights, 60 % of the MACs.
SHORT_STAGES = tuple(
    replace(stage, repeats=repeats)
    for stage, repeats in zip(STAGES, (1, 2, 2, 2, 1, 1, 1), strict=True)
)
# One or two blocks of a stage with a third of the hidden channels, three quarters of the stem's and
# a thin decoder: 8 % of the weights, 25 % of the MACs.
THIN_STAGES = tuple(
    replace(stage, repeats=repeats, expand=min(stage.expand, 2))
    for stage, repeats in zip(STAGES, (1, 2, 2, 2, 1, 1, 0), strict=True)
)
THIN_STEM_FILTERS = 24


def original_blocks(stages: Sequence[Stage]) -> list[int]:
    """The number in `STAGES` of each block of `stages`: the first blocks of each stage."""
    numbers: list[int] = []
    first = 0
    for stage, original in zip(stages, STAGES, strict=True):
        numbers += range(first, first + stage.repeats)
        first += original.repeats
    return numbers


def efficientnet_lite0(
    pixels: keras.KerasTensor,
    drop_path: float = 0.0,
    *,
    stages: Sequence[Stage] = STAGES,
    stem_filters: int = STEM_FILTERS,
) -> list[keras.KerasTensor]:
    """Build the encoder on `pixels` and return its features, finest first.

    Args:
        pixels: (batch, H, W, 3) float32, RGB, 0 to 255; H and W divisible by 32.
        drop_path: rate at which the last residual branch is dropped in training; earlier
            branches are dropped proportionally less (Huang et al., ECCV 2016).
        stages: `STAGES`, `SHORT_STAGES` or `THIN_STAGES`.
        stem_filters: channels of the first convolution.

    Returns:
        Five tensors (batch, H/s, W/s, C) for strides s = 2, 4, 8, 16, 32 with
        C = 16, 24, 40, 112, 320; the last is 192 with `THIN_STAGES`.
    """
    stem = conv_bn(normalize(pixels), stem_filters, 3, 2, "stem")
    return inverted_residual_stages(stem, stages, drop_path)
