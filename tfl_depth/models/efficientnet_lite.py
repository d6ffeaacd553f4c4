"""EfficientNet-Lite0, an encoder for INT8: ReLU6 everywhere, no squeeze-and-excitation.

Architecture: M. Tan and Q. Le, "EfficientNet" (ICML 2019), in the "Lite" variant of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.
"""

from __future__ import annotations

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


def efficientnet_lite0(
    pixels: keras.KerasTensor, drop_path: float = 0.0
) -> list[keras.KerasTensor]:
    """Build the encoder on `pixels` and return its features, finest first.

    Args:
        pixels: (batch, H, W, 3) float32, RGB, 0 to 255; H and W divisible by 32.
        drop_path: rate at which the last residual branch is dropped in training; earlier
            branches are dropped proportionally less (Huang et al., ECCV 2016).

    Returns:
        Five tensors (batch, H/s, W/s, C) for strides s = 2, 4, 8, 16, 32 with
        C = 16, 24, 40, 112, 320.
    """
    stem = conv_bn(normalize(pixels), STEM_FILTERS, 3, 2, "stem")
    return inverted_residual_stages(stem, STAGES, drop_path)
