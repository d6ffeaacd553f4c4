"""The conversion to INT8 of the networks whose INT8 depth is measured."""

from __future__ import annotations

from pathlib import Path

from tfl_depth.converters.pipeline import convert_network
from tfl_depth.converters.representative import ImageSplit
from tfl_depth.recipes import RecipeName

# Of the split `train`.
CALIBRATION_PHOTOS = 100


def int8_model(
    network: Path | bytes,
    images: ImageSplit,
    max_depth_m: float,
    *,
    per_channel: bool,
    recipe: RecipeName | None = None,
) -> bytes:
    """Convert a network.

    Args:
        network: as for `convert_network`.
        images: for calibration and verification.
        max_depth_m: end of the range of depth.
        per_channel: give each output channel of a convolution its own scale.
        recipe: None: the default.

    Raises:
        ConversionError: the network cannot be converted.
    """
    return convert_network(
        network,
        images=images,
        max_depth_m=max_depth_m,
        per_channel=per_channel,
        recipe=recipe,
        golden=False,
    ).model
