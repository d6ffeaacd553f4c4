"""The encoders by name, and the widths of their decoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import keras

from tfl_depth.choices import expect_choice
from tfl_depth.models.decoder import WIDTHS
from tfl_depth.models.efficientnet_lite import (
    SHORT_STAGES,
    THIN_STAGES,
    THIN_STEM_FILTERS,
    efficientnet_lite0,
)
from tfl_depth.models.mobilenet import mobilenet_v2
from tfl_depth.models.pretrained import load_efficientnet_lite0_imagenet
from tfl_depth.models.resnet import resnet18

Build = Callable[[keras.KerasTensor, float], list[keras.KerasTensor]]
EncoderName = Literal[
    "efficientnet_lite0",
    "efficientnet_lite0_short",
    "resnet18",
    "mobilenet_v2_0.35",
    "mobilenet_v2_0.5",
    "mobilenet_v2_0.75",
    "mobilenet_v2_1.0",
    "pico",
]
LoadWeights = Callable[[keras.Model], None]


@dataclass(frozen=True)
class Encoder:
    """How to build an encoder.

    Attributes:
        title: its name in prose.
        build: from pixels and the drop-path rate to features, finest first.
        load_imagenet: sets the encoder's layers of a model to their ImageNet weights; None if there
            are none.
        decoder_widths: channels of the decoder at each resolution, coarsest first.
    """

    title: str
    build: Build
    load_imagenet: LoadWeights | None = None
    decoder_widths: tuple[int, ...] = WIDTHS


ENCODERS: dict[EncoderName, Encoder] = {
    "efficientnet_lite0": Encoder(
        "EfficientNet-Lite0", efficientnet_lite0, load_efficientnet_lite0_imagenet
    ),
    "efficientnet_lite0_short": Encoder(
        "EfficientNet-Lite0 (10 of its 16 blocks)",
        partial(efficientnet_lite0, stages=SHORT_STAGES),
        partial(load_efficientnet_lite0_imagenet, stages=SHORT_STAGES),
    ),
    "resnet18": Encoder("ResNet-18", resnet18),
    "mobilenet_v2_0.35": Encoder("MobileNetV2 0.35", partial(mobilenet_v2, width=0.35)),
    "mobilenet_v2_0.5": Encoder("MobileNetV2 0.5", partial(mobilenet_v2, width=0.5)),
    "mobilenet_v2_0.75": Encoder("MobileNetV2 0.75", partial(mobilenet_v2, width=0.75)),
    "mobilenet_v2_1.0": Encoder("MobileNetV2 1.0", partial(mobilenet_v2, width=1.0)),
    # For microcontrollers: at 192x256 it fits into 1 MiB of SRAM (docs/decisions/006 and 022).
    "pico": Encoder(
        "EfficientNet-Lite0 (9 of its 16 blocks, a third of their hidden channels)",
        partial(efficientnet_lite0, stages=THIN_STAGES, stem_filters=THIN_STEM_FILTERS),
        decoder_widths=(128, 96, 64, 32, 16),
    ),
}


def encoder_named(name: EncoderName) -> Encoder:
    """Look up an encoder.

    Raises:
        ValueError: there is no encoder of that name.
    """
    expect_choice("encoder", name, EncoderName, ValueError)
    return ENCODERS[name]


def imagenet_loader(name: EncoderName) -> LoadWeights:
    """Return the function that sets the ImageNet weights of an encoder.

    Raises:
        ValueError: there is no encoder of that name, or it has no ImageNet weights.
    """
    load = encoder_named(name).load_imagenet
    if load is None:
        having = ", ".join(name for name, encoder in ENCODERS.items() if encoder.load_imagenet)
        raise ValueError(
            f"Expected `encoder` to be one with ImageNet weights ({having}), got {name!r}."
        )
    return load
