"""Pairs of successive operators with kernels, with at most a ReLU between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfl_depth.converters.graph import Graph, GraphRunner, Operator, Tensor
from tfl_depth.converters.graph.channels import Vector
from tfl_depth.converters.graph.kernels import KERNEL_OPERATORS, has_kernel, kernel_of

_CEILINGS = {"RELU": None, "RELU6": 6.0}


@dataclass(frozen=True)
class ConvPair:
    """Two operators. A factor of the channels between them can move to either kernel.

    Attributes:
        first, second: the operators.
        between: input of the second one: the first one's output, or the ReLU's output.
        ceiling: upper limit of the ReLU, or None.
    """

    first: Operator
    second: Operator
    between: Tensor
    ceiling: float | None


def conv_pairs(graph: Graph) -> list[ConvPair]:
    """Return all pairs of an unfused graph, from its input to its output."""
    found = (_pair(graph, op) for op in graph.operators if has_kernel(op))
    return [pair for pair in found if pair is not None]


def _pair(graph: Graph, first: Operator) -> ConvPair | None:
    between, ceiling = first.output, None
    behind = graph.only_consumer(between)
    if behind is not None and behind.kind in _CEILINGS:
        between, ceiling = behind.output, _CEILINGS[behind.kind]
        behind = graph.only_consumer(between)
    if behind is None or not has_kernel(behind) or not _sees_each_channel(first, behind):
        return None
    return ConvPair(first, behind, between, ceiling)


def _sees_each_channel(first: Operator, second: Operator) -> bool:
    """Whether the second kernel has separate weights for each channel of the first."""
    channels, kernel = first.output.shape[-1], kernel_of(second)
    if second.kind == "DEPTHWISE_CONV_2D":
        return kernel.shape[3] % channels == 0
    return kernel.shape[-1] == channels


def outgoing_largest(operator: Operator) -> Vector:
    """Return the largest weight of each output channel."""
    kernel = np.abs(kernel_of(operator).constant.astype(np.float64))
    axis = KERNEL_OPERATORS[operator.kind].channel_axis
    return np.asarray(kernel.max(axis=tuple(i for i in range(kernel.ndim) if i != axis)))


def incoming_largest(operator: Operator, channels: int) -> Vector:
    """Return the largest weight of each input channel."""
    kernel = np.abs(kernel_of(operator).constant.astype(np.float64))
    if operator.kind == "DEPTHWISE_CONV_2D":
        return np.asarray(kernel.max(axis=(0, 1, 2)).reshape(channels, -1).max(axis=1))
    return np.asarray(kernel.max(axis=tuple(range(kernel.ndim - 1))))


def channel_extremes(graph: Graph, tensors: list[Tensor], images: Any) -> dict[Tensor, Any]:
    """Return the least and greatest value of each channel over all images: (2, channels) each."""
    runner = GraphRunner(graph, tensors)
    (source,) = graph.inputs.values()
    found: dict[Tensor, Any] = {}
    for image in images:
        for tensor, values in runner({source: image}).items():
            flat = values.reshape(-1, values.shape[-1])
            ends = np.stack([flat.min(axis=0), flat.max(axis=0)])
            if tensor in found:
                old = found[tensor]
                ends = np.stack([np.minimum(ends[0], old[0]), np.maximum(ends[1], old[1])])
            found[tensor] = ends
    return found
