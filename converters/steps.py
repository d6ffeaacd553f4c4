"""The steps that recipes name, and a network's way through them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfl_depth.converters.prepare import Network
from tfl_depth.converters.ranges import (
    kl_divergence,
    least_squares,
    percentile,
    pin_extremes,
    pin_ranges,
    with_ranges,
)
from tfl_depth.converters.representative import ImageSplit, read_pixels
from tfl_depth.converters.weights.bias import correct_biases
from tfl_depth.converters.weights.clipping import clip_weights
from tfl_depth.converters.weights.dead_channels import silence_dead_channels
from tfl_depth.converters.weights.distil import distil
from tfl_depth.converters.weights.equalisation import equalise
from tfl_depth.converters.weights.parting import part_by_range
from tfl_depth.converters.weights.rounding import round_to_features
from tfl_depth.converters.workpiece import Images, Progress, Workpiece
from tfl_depth.recipes import Recipe

STEPS: dict[str, Callable[[Workpiece], None]] = {
    "dead-channels": silence_dead_channels,
    "equalise": equalise,
    "clip": clip_weights,
    "correct-bias": correct_biases,
    "part": part_by_range,
    "round": round_to_features,
    "range-min-max": pin_extremes,
    "distil": distil,
    "range-percentile-99.9": pin_ranges(percentile(99.9)),
    "range-percentile-99.99": pin_ranges(percentile(99.99)),
    "range-mse": pin_ranges(least_squares),
    "range-kl": pin_ranges(kl_divergence),
}

# What most steps look at: some feature maps of so many images are in memory together.
MOST_IMAGES, LEAST_IMAGES = 48, 8
MOST_PIXELS = MOST_IMAGES * 192 * 256
# Of photos alone more fit.
MOST_PHOTO_PIXELS = 400 * 192 * 256


def prepare(
    network: Network,
    recipe: Recipe,
    images: ImageSplit,
    *,
    per_channel: bool,
    progress: Progress,
    layers: tuple[str, ...] | None = None,
) -> Network:
    """Take a network through a recipe's steps.

    Args:
        network: float.
        recipe: what to do.
        images: the steps look at those to calibrate with, most of them at the first few.
        per_channel: whether each output channel's weights will have a scale of their own.
        progress: shows how far slow steps have come.
        layers: names of the convolutions to work on; None: all.

    Returns:
        A network whose weights and ranges the converter takes over as they are; the same one where
        there is nothing to do.
    """
    if not recipe.steps:
        return network
    _, height, width, _ = network.body.inputs[0].shape
    few = min(MOST_IMAGES, max(LEAST_IMAGES, MOST_PIXELS // (height * width)))
    many = max(few, MOST_PHOTO_PIXELS // (height * width))

    def photos(count: int) -> Images:
        pixels = [read_pixels(path, (height, width)) for path in images.calibration[:count]]
        return np.concatenate([network.as_input(each, "int8") for each in pixels])

    work = Workpiece.of(
        network.body,
        photos(few),
        lambda: photos(many),
        per_channel=per_channel,
        progress=progress,
        layers=layers,
    )
    for name in recipe.steps:
        STEPS[name](work)
    return Network(with_ranges(work.network, work.ranges), network.normalisation)
