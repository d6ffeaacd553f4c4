"""The steps that recipes name, and a network's way through them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfl_depth.converters.prepare import Network
from tfl_depth.converters.ranges import (
    kl_divergence,
    least_squares,
    percentile,
    pin_ranges,
    with_ranges,
)
from tfl_depth.converters.representative import ImageSplit, read_pixels
from tfl_depth.converters.weights.bias import correct_biases
from tfl_depth.converters.weights.clipping import clip_weights
from tfl_depth.converters.weights.dead_channels import silence_dead_channels
from tfl_depth.converters.weights.equalisation import equalise
from tfl_depth.converters.weights.rounding import round_to_features
from tfl_depth.converters.workpiece import Images, Progress, Workpiece
from tfl_depth.recipes import Recipe

STEPS: dict[str, Callable[[Workpiece], None]] = {
    "dead-channels": silence_dead_channels,
    "equalise": equalise,
    "clip": clip_weights,
    "correct-bias": correct_biases,
    "round": round_to_features,
    "range-percentile-99.9": pin_ranges(percentile(99.9)),
    "range-percentile-99.99": pin_ranges(percentile(99.99)),
    "range-mse": pin_ranges(least_squares),
    "range-kl": pin_ranges(kl_divergence),
}

# What a step looks at: some feature maps of so many images are in memory together.
MOST_IMAGES, LEAST_IMAGES = 48, 8
MOST_PIXELS = MOST_IMAGES * 192 * 256


def prepare(
    network: Network, recipe: Recipe, images: ImageSplit, *, per_channel: bool, progress: Progress
) -> Network:
    """Take a network through a recipe's steps.

    Args:
        network: float.
        recipe: what to do.
        images: the steps look at some of those to calibrate with.
        per_channel: whether each output channel's weights will have a scale of their own.
        progress: shows how far slow steps have come.

    Returns:
        A network whose weights and ranges the converter takes over as they are; the same one where
        there is nothing to do.
    """
    if not recipe.steps:
        return network
    work = Workpiece.of(
        network.body, _looked_at(network, images), per_channel=per_channel, progress=progress
    )
    for name in recipe.steps:
        STEPS[name](work)
    return Network(with_ranges(work.network, work.ranges), network.normalisation)


def _looked_at(network: Network, images: ImageSplit) -> Images:
    _, height, width, _ = network.body.inputs[0].shape
    count = min(MOST_IMAGES, max(LEAST_IMAGES, MOST_PIXELS // (height * width)))
    pixels = [read_pixels(path, (height, width)) for path in images.calibration[:count]]
    return np.concatenate([network.as_input(each, "int8") for each in pixels])
