"""Doubles the channels of the first blocks, so that the steps of their feature maps are halved.

An int8 map cannot have a finer step, but two maps can. One copy of a channel lies a quarter of a
step higher, the other a quarter lower. The next convolution takes half of each, and so their mean.
The mean has two values for each step, as of subtractive dither (L. Schuchman, "Dither Signals and
Their Effect on Quantization Noise", 1964). Weights gain as well: GPTQ shares the rounding error of
one weight between its copies. Most of the error of depth comes from the first maps, and they have
few channels (docs/decisions/023-what-is-left-of-int8.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant
from tfl_depth.converters.graph.channels import shift_outputs
from tfl_depth.converters.graph.kernels import (
    KERNEL_OPERATORS,
    bias_of,
    features_of,
    has_kernel,
    kernel_of,
    set_bias,
    set_kernel,
)
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.conv_pairs import ConvPair, channel_extremes, conv_pairs
from tfl_depth.converters.quantize.parameters import activation_quantization

# Largest share of the network's multiplications that the copies may add.
MOST_ADDED = 0.06


def double_channels(context: QuantizationContext) -> None:
    """Double channels from the input on, until the copies would add too many multiplications."""
    graph = context.graph
    left = MOST_ADDED * sum(_macs(operator) for operator in graph.operators)
    chains = []
    for chain in _chains(graph):
        left -= chain.added_macs()
        if left < 0 or not context.may_change(*chain.operators):
            break
        chains.append(chain)
    maps = [tensor for chain in chains for tensor in chain.maps]
    ends = channel_extremes(graph, maps, context.images)
    for chain in chains:
        ranges = [(float(ends[each].min()), float(ends[each].max())) for each in chain.maps]
        chain.double([activation_quantization(each, 8).scales[0] for each in ranges])


@dataclass(frozen=True)
class _Chain:
    """Convolutions without a branch: each but the last is doubled, and the last takes both copies.

    Attributes:
        pairs: of the first and second convolution, the second and third, and so on.
    """

    pairs: tuple[ConvPair, ...]

    @property
    def operators(self) -> list[Operator]:
        """The convolutions, in order."""
        return [self.pairs[0].first, *(pair.second for pair in self.pairs)]

    @property
    def maps(self) -> list[Tensor]:
        """The maps to double, after their activations."""
        return [pair.between for pair in self.pairs]

    def added_macs(self) -> int:
        """Multiplications that the copies add."""
        return sum(_macs(operator) for operator in self.operators)

    def double(self, steps: list[float]) -> None:
        """Double the maps, which have these steps in int8."""
        for pair, step in zip(self.pairs, steps, strict=True):
            _double_outputs(pair.first, step / 4)
            for tensor in dict.fromkeys((pair.first.output, pair.between)):
                tensor.shape = (*tensor.shape[:-1], 2 * tensor.shape[-1])
        last = self.pairs[-1].second
        kernel = kernel_of(last)
        set_kernel(last, constant(kernel.name, np.tile(kernel.constant / 2, 2)))


def _chains(graph: Graph) -> Iterator[_Chain]:
    """The chains from the input on. A convolution is in one of them."""
    pairs = {pair.first: pair for pair in conv_pairs(graph)}
    inside: set[Operator] = set()
    for first, pair in pairs.items():
        if first in inside or first.kind != "CONV_2D" or _is_grouped(first):
            continue
        found = [pair]
        while found[-1].second.kind == "DEPTHWISE_CONV_2D" and found[-1].second in pairs:
            found.append(pairs[found[-1].second])
        if found[-1].second.kind == "CONV_2D" and not any(map(_is_multiplied, found)):
            inside.update(each.second for each in found)
            yield _Chain(tuple(found))


def _is_grouped(convolution: Operator) -> bool:
    """Whether its copies' channels would come into other groups."""
    return kernel_of(convolution).shape[-1] != features_of(convolution).shape[-1]


def _is_multiplied(pair: ConvPair) -> bool:
    """Whether a depthwise convolution has several filters for a channel."""
    depthwise = pair.second
    channels = pair.between.shape[-1]
    return depthwise.kind == "DEPTHWISE_CONV_2D" and depthwise.output.shape[-1] != channels


def _macs(operator: Operator) -> int:
    """Multiplications of an operator with a kernel, as in `evaluation.macs`; 0 for others."""
    if not has_kernel(operator):
        return 0
    # A transposed convolution lays its kernel on each position of its input.
    transposed = operator.kind == "TRANSPOSE_CONV"
    laid_on = features_of(operator) if transposed else operator.output
    return math.prod(kernel_of(operator).shape) * math.prod(laid_on.shape[:-1])


def _double_outputs(operator: Operator, offset: float) -> None:
    """Give an operator each output channel twice, higher and lower by an offset."""
    kernel, bias = kernel_of(operator), bias_of(operator)
    axis = KERNEL_OPERATORS[operator.kind].channel_axis
    set_kernel(operator, constant(kernel.name, np.concatenate([kernel.constant] * 2, axis)))
    if bias is not None:
        set_bias(operator, constant(bias.name, np.tile(bias.constant, 2)))
    shift_outputs(operator, np.repeat([offset, -offset], kernel.shape[axis]))
