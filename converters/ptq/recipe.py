"""The steps and range methods of recipes, and the function that applies a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Tensor
from tfl_depth.converters.graph.fusion import fuse_activations, unfuse_activations
from tfl_depth.converters.ptq.bias_correction import correct_biases
from tfl_depth.converters.ptq.channel_doubling import double_channels
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
from tfl_depth.converters.ptq.stream_equalization import equalize_streams
from tfl_depth.converters.ptq.weight_clipping import clip_weights
from tfl_depth.recipes import PtqRecipe, RangeMethod, StepName

STEPS: Mapping[StepName, Callable[[QuantizationContext], None]] = {
    "dead-channels": silence_dead_channels,
    "equalize": equalize_layers,
    "equalize-streams": equalize_streams,
    "double-channels": double_channels,
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

# Largest number of images for the steps. GPTQ takes those whose feature maps fit into memory, which
# are fewer for a large network.
MOST_IMAGES = 96


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
    """Apply a recipe's steps to a float network, in place.

    Args:
        graph: with one input. The writer keeps the new values of its kernels and biases.
        recipe: the recipe.
        images: calibration images as inputs of the network, (1, H, W, 3) float32 each.
        per_channel: whether the weights of each output channel have their own step.
        exact: kernels that no step may change, with their quantization steps.
        progress: shows the progress of slow steps.
        chosen: output names of the operators to change; None: all.
    """
    if not recipe.steps:
        return
    unfuse_activations(graph)
    context = QuantizationContext(graph, images[:MOST_IMAGES], per_channel, progress, exact, chosen)
    for name in recipe.steps:
        STEPS[name](context)
    fuse_activations(graph)
