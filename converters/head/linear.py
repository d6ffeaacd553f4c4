"""The last linear operator of a network as a convolution, which a head can copy."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options
from tfl_depth.converters.graph.kernels import (
    KERNEL_OPERATORS,
    bias_of,
    features_of,
    has_kernel,
    kernel_of,
    set_bias,
    set_kernel,
)
from tfl_depth.converters.head.building import (
    NONE,
    computed,
    pointwise_convolution,
    reshape,
)

Filters = npt.NDArray[np.float64]


def is_linear(operator: Operator) -> bool:
    """Whether it multiplies float features by a constant kernel."""
    return has_kernel(operator) and kernel_of(operator).dtype == np.float32


def channels_of(operator: Operator) -> int:
    """Number of output channels."""
    kernel = kernel_of(operator)
    return kernel.shape[KERNEL_OPERATORS[operator.kind].channel_axis]


def filters_of(operator: Operator) -> tuple[Filters, Filters]:
    """Return its kernel, output channels first, and its bias (zeros without one), in float64."""
    axis = KERNEL_OPERATORS[operator.kind].channel_axis
    kernel = np.moveaxis(kernel_of(operator).constant.astype(np.float64), axis, 0)
    bias = bias_of(operator)
    values = np.zeros(len(kernel)) if bias is None else bias.constant.astype(np.float64).ravel()
    return kernel, values


def with_filters(
    graph: Graph, operator: Operator, kernel: Filters, bias: Filters, name: str, activation: int
) -> Operator:
    """Copy a convolution with other filters.

    Args:
        graph: that it will be a part of.
        operator: a CONV_2D or TRANSPOSE_CONV without groups.
        kernel: (filters, height, width, inputs).
        bias: (filters,).
        name: of its result.
        activation: number of the activation that it applies.
    """
    result = computed(graph, name, (*operator.output.shape[:-1], len(kernel)))
    made = Operator(operator.kind, list(operator.inputs), [result], copy.deepcopy(operator.options))
    made.version = operator.version
    made.options.fusedActivationFunction = activation
    set_kernel(made, constant(f"{name}_kernel", kernel))
    set_bias(made, constant(f"{name}_bias", bias))
    if made.kind == "TRANSPOSE_CONV":
        made.version = max(made.version, 3)  # the first with a bias
        made.inputs[0] = constant(f"{name}_shape", result.shape, np.int32)
    return made


def as_convolution(
    graph: Graph, operator: Operator, channels: Sequence[int], size: tuple[int, int]
) -> list[Operator]:
    """Make operators that compute some channels of a linear operator, without its activation.

    Args:
        graph: that they will be a part of.
        operator: convolution of any kind, or dense layer over the pixels of a map.
        channels: output channels to compute, in order.
        size: (height, width) of the map of a dense layer.

    Returns:
        A CONV_2D or TRANSPOSE_CONV without groups, after a RESHAPE of its features if needed.
    """
    kernel, bias = filters_of(operator)
    kernel, bias = kernel[list(channels)], bias[list(channels)]
    name = f"{operator.output.name}_linear"
    if operator.kind == "FULLY_CONNECTED":
        return _from_dense(graph, features_of(operator), kernel, bias, name, size)
    if operator.kind != "TRANSPOSE_CONV":
        kernel = _ungrouped(operator, kernel, channels)
    made = with_filters(graph, _plain(graph, operator), kernel, bias, name, NONE)
    return [made]


def _from_dense(
    graph: Graph,
    features: Tensor,
    kernel: Filters,
    bias: Filters,
    name: str,
    size: tuple[int, int],
) -> list[Operator]:
    shape = (1, *size, kernel.shape[1])
    as_map = _before_reshapes(graph, features, shape)
    if as_map is not None:
        return [pointwise_convolution(graph, as_map, kernel, bias, name)]
    shaped = reshape(graph, features, shape)
    return [shaped, pointwise_convolution(graph, shaped.output, kernel, bias, name)]


def _before_reshapes(graph: Graph, tensor: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """Find a tensor of this shape from which only reshapes lead to the given one; or None."""
    while tensor.shape != shape:
        producer = graph.producer(tensor)
        if producer is None or producer.kind != "RESHAPE":
            return None
        tensor = producer.input(0)
    return tensor


def _ungrouped(operator: Operator, kernel: Filters, channels: Sequence[int]) -> Filters:
    """Extend a grouped convolution's filters to all features."""
    inputs = features_of(operator).shape[-1]
    if operator.kind == "DEPTHWISE_CONV_2D":
        kernel = np.moveaxis(kernel, 1, -1)  # (filters, 1, h, w) with a batch of one
    each = kernel.shape[-1]
    if each == inputs:
        return kernel
    filters_per_group = channels_of(operator) // (inputs // each)
    full = np.zeros((*kernel.shape[:-1], inputs))
    for place, channel in enumerate(channels):
        first = each * (channel // filters_per_group)
        full[place, ..., first : first + each] = kernel[place]
    return full


def _plain(graph: Graph, operator: Operator) -> Operator:
    """Convert a depthwise convolution's options to those of a CONV_2D; return others unchanged."""
    if operator.kind != "DEPTHWISE_CONV_2D":
        return operator
    before = operator.options
    made = options(
        "Conv2DOptions",
        padding=before.padding,
        strideH=before.strideH,
        strideW=before.strideW,
        dilationHFactor=before.dilationHFactor,
        dilationWFactor=before.dilationWFactor,
    )
    return Operator("CONV_2D", list(operator.inputs), list(operator.outputs), made)
