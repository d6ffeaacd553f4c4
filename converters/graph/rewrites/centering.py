"""Folds the subtraction of a mean over channels into the kernel before it."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.fusion import fused_activation
from tfl_depth.converters.graph.graph import Graph, constant
from tfl_depth.converters.graph.kernels import bias_of, has_kernel, kernel_of, set_bias, set_kernel
from tfl_depth.converters.graph.rewrites.exact_weights import is_centering
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.maker import bypass

_MIXING = frozenset({"CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})


def fold_centering(graph: Graph) -> int:
    """Make a convolution or dense layer subtract the mean of its output channels."""
    count = 0
    links = Links(graph)
    for operator in [op for op in graph.operators if is_centering(op)]:
        before = links.only_source(operator.input(0))
        if before is None or before.kind not in _MIXING or not has_kernel(before):
            continue
        if fused_activation(before) or is_centering(before):
            continue
        kernel, bias = kernel_of(before), bias_of(before)
        value = kernel.constant.astype(np.float64)
        set_kernel(before, constant(kernel.name, value - value.mean(axis=0)))
        if bias is not None:
            offset = bias.constant.astype(np.float64)
            set_bias(before, constant(bias.name, offset - offset.mean()))
        if bypass(graph, operator, operator.input(0)):
            links.refresh()
            count += 1
    return count
