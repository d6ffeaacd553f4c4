"""The steps that recipes name, and a network's way through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Tensor
from tfl_depth.converters.graph.fusion import fuse_activations, unfuse_activations
from tfl_depth.converters.ptq.bias_correction import correct_biases
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.cross_layer_equalization import equalize_layers
from tfl_depth.converters.ptq.dead_channels import silence_dead_channels
from tfl_depth.converters.ptq.depthwise_split import split_depthwise
from tfl_depth.converters.ptq.layerwise_reconstruction import reconstruct_layers
from tfl_depth.converters.ptq.progress import Progress
from tfl_depth.converters.ptq.range_estimation import (
    Method,
    kl_divergence,
    least_squares,
    minmax,
    percentile,
)
from tfl_depth.converters.ptq.weight_clipping import clip_weights
from tfl_depth.recipes import PtqRecipe, RangeMethod, StepName

STEPS: Mapping[StepName, Callable[[QuantizationContext], None]] = {
    "dead-channels": silence_dead_channels,
    "equalize": equalize_layers,
    "clip": clip_weights,
    "correct-bias": correct_biases,
    "split-depthwise": split_depthwise,
    "reconstruct": reconstruct_layers,
}

RANGES: Mapping[RangeMethod, Method] = {
    "minmax": minmax,
    "percentile-99.9": percentile(99.9),
    "percentile-99.99": percentile(99.99),
    "mse": least_squares,
    "kl": kl_divergence,
}

# What the steps look at; feature maps of so many images mostly fit into memory.
MOST_IMAGES = 48


def apply_recipe(
    graph: Graph,
    recipe: PtqRecipe,
    images: Sequence[npt.NDArray[np.float32]],
    *,
    per_channel: bool,
    exact: Mapping[Tensor, float],
    progress: Progress,
    chosen: frozenset[str] | None = None,
) -> None:
    """Take a float network through a recipe's steps, in place.

    Args:
        graph: with one input; its kernels and biases get values that the writer keeps.
        recipe: what to do.
        images: calibration images as the network takes them, (1, H, W, 3) float32 each.
        per_channel: whether each output channel's weights will have a step of their own.
        exact: kernels that no step may change, and their steps.
        progress: shows how far slow steps have come.
        chosen: output names of the only operators to work on; None: all.
    """
    if not recipe.steps:
        return
    unfuse_activations(graph)
    context = QuantizationContext(graph, images[:MOST_IMAGES], per_channel, progress, exact, chosen)
    for name in recipe.steps:
        STEPS[name](context)
    fuse_activations(graph)
