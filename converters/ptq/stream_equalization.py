"""Scales the channels of maps without an activation, so that each uses more of the int8 range.

Such maps are summed, as the results of residual blocks are, and each sum is rounded again. A factor
of a channel passes from the kernels that compute it, through the sums, to the kernels that take it.
The output does not change. The factor is the root of what fills the range: the whole of it would
make the weights that take the channel as uneven as the channels were
(docs/decisions/023-what-is-left-of-int8.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.channels import Vector, scale_inputs, scale_outputs
from tfl_depth.converters.graph.kernels import has_kernel
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.conv_pairs import channel_extremes

# A larger factor only means that the channel has almost no effect.
LARGEST_FACTOR = 32.0
SCALED = ("CONV_2D", "DEPTHWISE_CONV_2D")


def equalize_streams(context: QuantizationContext) -> None:
    """Scale the channels of all streams. The network's output does not change."""
    streams = list(_streams(context))
    tensors = [tensor for stream in streams for tensor in stream.tensors]
    ends = channel_extremes(context.graph, tensors, context.images)
    for stream in streams:
        factors = _factors([ends[tensor] for tensor in stream.tensors])
        for operator in stream.makers:
            scale_outputs(operator, factors)
        for operator in stream.takers:
            scale_inputs(operator, 1 / factors)


@dataclass(frozen=True)
class _Stream:
    """Maps that sums connect, so that their channels have the same factors.

    Attributes:
        tensors: the maps.
        makers: convolutions that compute them.
        takers: convolutions that they are features of.
    """

    tensors: list[Tensor]
    makers: list[Operator]
    takers: list[Operator]


def _streams(context: QuantizationContext) -> Iterator[_Stream]:
    graph = context.graph
    producers, consumers = graph.producers(), graph.consumers()
    for tensors in _summed(graph):
        makers = [producers[tensor] for tensor in tensors]
        takers = [taker for tensor in tensors for taker in consumers.get(tensor, [])]
        made, taken = (_without_sums(operators) for operators in (makers, takers))
        if any(graph.is_output(tensor) for tensor in tensors) or not made or not taken:
            continue
        scalable = all(each.kind in SCALED and has_kernel(each) for each in (*made, *taken))
        if scalable and context.may_change(*made, *taken):
            yield _Stream(tensors, made, taken)


def _without_sums(operators: Sequence[Operator]) -> list[Operator]:
    return list(dict.fromkeys(each for each in operators if not _is_sum(each)))


def _is_sum(operator: Operator) -> bool:
    """Whether it adds maps of one shape."""
    return operator.kind == "ADD" and all(
        tensor is not None and not tensor.is_constant and tensor.shape == operator.output.shape
        for tensor in operator.inputs
    )


def _summed(graph: Graph) -> list[list[Tensor]]:
    """Divide the computed maps into sets that sums connect."""
    of: dict[Tensor, list[Tensor]] = {}
    for operator in graph.operators:
        of[operator.output] = [operator.output]
        if not _is_sum(operator):
            continue
        for tensor in operator.inputs:
            joined = of[operator.output]
            other = of.get(tensor) if tensor is not None else None
            if other is not None and other is not joined:
                joined.extend(other)
                of.update(dict.fromkeys(other, joined))
    return list({id(tensors): tensors for tensors in of.values()}.values())


def _factors(ends: Sequence[Vector]) -> Vector:
    """The factor of each channel, 1 or more.

    Args:
        ends: of each map: the least and greatest value of each channel, (2, channels).
    """
    # No map may grow: the channel's largest share of a map's range counts.
    sizes = [np.abs(each).max(axis=0).astype(np.float64) for each in ends]
    shares = np.max([size / max(float(size.max()), 1e-12) for size in sizes], axis=0)
    return np.asarray(np.sqrt(1 / np.clip(shares, 1 / LARGEST_FACTOR**2, 1)))
