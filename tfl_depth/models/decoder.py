"""The U-Net decoder, with operators that are cheap on every INT8 NPU.

Differences to the usual U-Net: skips are added after a 1x1 convolution instead of concatenated, 3x3
convolutions are separable, and features are enlarged by nearest neighbor (docs/decisions/001).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from tfl_depth.models.blocks import conv_bn, depthwise_bn

WIDTHS = (128, 96, 64, 40, 24)
# The prefixes of the names of all layers after the encoder: the decoder's and the head's.
DECODER_LAYERS = ("up", "depth")


def unet_decoder(
    features: Sequence[keras.KerasTensor], widths: Sequence[int] = WIDTHS
) -> keras.KerasTensor:
    """Fuse encoder features into one map at the finest feature's resolution.

    Args:
        features: (batch, H/s, W/s, C) for doubling strides s, finest first.
        widths: channels at each resolution, coarsest first; as many as features.

    Returns:
        (batch, H/s, W/s, widths[-1]) at the finest stride s.
    """
    *skips, coarsest = features
    x = conv_bn(coarsest, widths[0], 1, 1, "up0_reduce")
    for level, (skip, width) in enumerate(zip(reversed(skips), widths[1:], strict=True), start=1):
        x = conv_bn(x, width, 1, 1, f"up{level}_reduce")
        x = NearestUpsampling(name=f"up{level}_double")(x)
        skip = conv_bn(skip, width, 1, 1, f"up{level}_skip", activation=None)
        x = layers.Add(name=f"up{level}_add")([x, skip])
        x = depthwise_bn(x, 3, 1, f"up{level}_mix")
        x = conv_bn(x, width, 1, 1, f"up{level}_mix_project")
    return x


@keras.saving.register_keras_serializable("tfl_depth")
class NearestUpsampling(layers.Layer):  # type: ignore[misc]
    """Double height and width by nearest neighbor.

    `keras.layers.UpSampling2D` does the same but lowers to RESHAPE and TILE, which an Ethos-U
    runs as a thousand small copies; this lowers to one RESIZE_NEAREST_NEIGHBOR.
    """

    def call(self, inputs: Any) -> Any:
        size = (2 * inputs.shape[1], 2 * inputs.shape[2])
        return keras.ops.image.resize(
            inputs, size, interpolation="nearest", data_format="channels_last"
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        return (batch, height and 2 * height, width and 2 * width, channels)
