"""Exact rewrites of a float graph: to the plain form, and to the form for int8.

A rewrite is a function that edits a graph in place and returns how often it applied. It matches
operators and what they compute, never names. The graph's output tensors stay the same objects, and
so do operators with a kernel that compute one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.fusion import fuse_activations, unfuse_activations
from tfl_depth.converters.graph.graph import Graph, Tensor
from tfl_depth.converters.graph.rewrites.activation_order import hoist_activations
from tfl_depth.converters.graph.rewrites.activations import recognize_activations
from tfl_depth.converters.graph.rewrites.affine import (
    fold_affine_behind,
    fold_affine_in_front,
    join_affine,
)
from tfl_depth.converters.graph.rewrites.centering import fold_centering
from tfl_depth.converters.graph.rewrites.chains import simplify_chains
from tfl_depth.converters.graph.rewrites.channel_order import (
    fold_channel_gathers,
    fold_channel_order,
)
from tfl_depth.converters.graph.rewrites.concatenations import (
    equalize_concatenations,
    measure_magnitudes,
)
from tfl_depth.converters.graph.rewrites.constants import fold_constants
from tfl_depth.converters.graph.rewrites.cumulative_sums import write_cumulative_sums
from tfl_depth.converters.graph.rewrites.dense_parts import split_dense
from tfl_depth.converters.graph.rewrites.depthwise_affine import write_depthwise
from tfl_depth.converters.graph.rewrites.exact_weights import exact_steps
from tfl_depth.converters.graph.rewrites.factors import hoist_factors
from tfl_depth.converters.graph.rewrites.identities import drop_identities
from tfl_depth.converters.graph.rewrites.int8_arithmetic import write_arithmetic
from tfl_depth.converters.graph.rewrites.int8_moves import (
    split_enlarging,
    write_block_deconvolutions,
    write_block_moves,
    write_channel_gathers,
)
from tfl_depth.converters.graph.rewrites.int8_reductions import write_reductions
from tfl_depth.converters.graph.rewrites.matrix_products import (
    products_to_fully_connected,
    take_apart_adjoints,
)
from tfl_depth.converters.graph.rewrites.moves import recognize_moves
from tfl_depth.converters.graph.rewrites.nhwc_input import take_nhwc_images
from tfl_depth.converters.graph.rewrites.normalization_forms import write_normalizations
from tfl_depth.converters.graph.rewrites.padding import (
    fold_crops,
    fold_padding,
    join_pads,
    pad_max_pools,
    pad_with_zeros,
)
from tfl_depth.converters.graph.rewrites.repeat import repeat
from tfl_depth.converters.graph.rewrites.shapes import write_reshapes
from tfl_depth.converters.graph.rewrites.transposes import sink_transposes
from tfl_depth.converters.graph.rewrites.wide_strides import pad_wide_strides

__all__ = ["canonicalize", "prepare_for_int8"]

_PLAIN = (
    fold_constants,
    write_reshapes,
    drop_identities,
    pad_with_zeros,
    join_pads,
    recognize_moves,
    simplify_chains,
    take_nhwc_images,
    sink_transposes,
    products_to_fully_connected,
    take_apart_adjoints,
    hoist_activations,
    fold_padding,
    fold_crops,
    join_affine,
    fold_affine_behind,
    fold_affine_in_front,
    hoist_factors,
    split_dense,
    fold_channel_order,
    fold_channel_gathers,
)

_FOR_INT8 = (
    fold_centering,
    write_arithmetic,
    write_reductions,
    write_cumulative_sums,
    write_block_moves,
    write_block_deconvolutions,
    write_channel_gathers,
    split_enlarging,
    pad_max_pools,
)


def canonicalize(graph: Graph) -> int:
    """Rewrite a graph to the plain form, in place.

    The plain form has no arithmetic of constants and shapes, and no operators without effect.
    Images and feature maps have channels last. Batch normalization and activations are inside
    convolutions.

    Returns:
        The number of applied rewrites.
    """
    unfuse_activations(graph)
    count = repeat(graph, _PLAIN)
    fuse_activations(graph)
    return count


def prepare_for_int8(
    graph: Graph, images: Sequence[npt.NDArray[np.float32]]
) -> dict[Tensor, float]:
    """Rewrite a graph in the plain form to the form for int8, in place.

    Args:
        graph: plain (see `canonicalize`).
        images: some inputs, (1, H, W, 3) each, to measure ranges.

    Returns:
        Kernels whose weights must stay whole multiples of a step, and the step.
    """
    unfuse_activations(graph)
    activations = partial(recognize_activations, known={})
    normalizations = partial(write_normalizations, tried=set())
    repeat(graph, (activations, normalizations, *_FOR_INT8, *_PLAIN))
    write_depthwise(graph)
    pad_wide_strides(graph)
    equalize_concatenations(graph, measure_magnitudes(graph, images))
    fuse_activations(graph)
    return exact_steps(graph)
