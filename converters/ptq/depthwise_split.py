"""Splits depthwise convolutions by the size of their filters, for NPUs with one step a kernel.

If one step serves all filters, a filter that is ten times smaller gets a tenth of the int8 codes.
The channels of a depthwise convolution are independent. So the channels with large filters and
those with small filters become two convolutions, each with its own step. The convolution before
them is split too. A concatenation joins the results in another order of channels, and the next
kernel takes that order. The network's output does not change.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options
from tfl_depth.converters.graph.kernels import (
    KERNEL_OPERATORS,
    bias_of,
    kernel_of,
    set_bias,
    set_kernel,
)
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.conv_pairs import ConvPair, conv_pairs

# NPUs compute channels in blocks, so the parts are whole blocks.
BLOCK = 8
# A split adds one or two operators. It must remove this share of the rounding error.
LEAST_GAIN = 0.5

Channels = npt.NDArray[np.intp]


def split_depthwise(context: QuantizationContext) -> None:
    """Split depthwise convolutions and the convolutions before them, if kernels have one step."""
    if context.per_channel:
        return
    pairs = {pair.first: pair for pair in conv_pairs(context.graph)}
    for before in list(pairs.values()):
        behind = pairs.get(before.second)
        if behind is None or not context.may_change(before.first, before.second, behind.second):
            continue
        if _may_split(before, behind):
            parts = _parts(np.abs(kernel_of(before.second).constant).max(axis=(0, 1, 2)))
            if parts is not None:
                _split(context.graph, _Block(before, behind), parts)


def _may_split(before: ConvPair, behind: ConvPair) -> bool:
    depthwise = before.second
    multiplied = kernel_of(depthwise).shape[3] != before.first.output.shape[-1]
    plain = before.first.kind == behind.second.kind == "CONV_2D"
    return depthwise.kind == "DEPTHWISE_CONV_2D" and plain and not multiplied


def _parts(ranges: npt.NDArray[np.floating]) -> tuple[Channels, Channels] | None:
    """Divide the channels into large and small filters, with the least rounding error of all."""
    order = np.argsort(-ranges)
    places = range(BLOCK, len(ranges), BLOCK)
    if not places:
        return None
    # Step of the grid relative to the filter's range; a filter of zeros has no error.
    largest = np.square(ranges[order].astype(np.float64))
    alive = ranges[order] > 1e-3 * ranges.max()
    weight = np.where(alive, 1 / np.maximum(largest, 1e-12), 0)
    whole = largest[0] * weight.sum()
    split = [largest[0] * weight[:p].sum() + largest[p] * weight[p:].sum() for p in places]
    best = int(np.argmin(split))
    if split[best] > LEAST_GAIN * whole:
        return None
    return np.sort(order[: places[best]]), np.sort(order[places[best] :])


@dataclass(frozen=True)
class _Block:
    """Find a kernel, an activation, a depthwise kernel, an activation and a kernel in sequence."""

    before: ConvPair
    behind: ConvPair

    def chain(self, graph: Graph) -> list[Operator]:
        """Return the operators to split, in order."""
        first, depthwise = self.before.first, self.before.second
        found = [first, depthwise]
        for pair, place in ((self.behind, 2), (self.before, 1)):
            activation = graph.producer(pair.between)
            if activation is not None and activation is not pair.first:
                found.insert(place, activation)
        return found


def _split(graph: Graph, block: _Block, parts: tuple[Channels, Channels]) -> None:
    chain, joined = block.chain(graph), block.behind.between
    source = chain[0].input(0)
    made: list[Operator] = []
    results = []
    for name, channels in zip(("large", "small"), parts, strict=True):
        value = source
        for operator in chain:
            part = _part(operator, value, channels, name)
            made.append(part)
            value = part.output
        results.append(value)
    axis = options("ConcatenationOptions", axis=len(joined.shape) - 1)
    together = Tensor(f"{joined.name}_joined", joined.shape, joined.dtype)
    made.append(Operator("CONCATENATION", list(results), [together], axis))
    graph.insert_after(chain[-1], made)
    for operator in chain:
        graph.operators.remove(operator)
    graph.redirect(joined, together)
    last = block.behind.second
    kernel = kernel_of(last)
    set_kernel(last, constant(kernel.name, kernel.constant[..., np.concatenate(parts)]))


def _part(operator: Operator, value: Tensor, channels: Channels, name: str) -> Operator:
    """Make an operator that computes some of another operator's channels."""
    old = operator.output
    output = Tensor(f"{old.name}_{name}", (*old.shape[:-1], len(channels)), old.dtype)
    made = Operator(
        operator.kind,
        [value, *operator.inputs[1:]],
        [output],
        copy.deepcopy(operator.options),
        operator.version,
    )
    if operator.kind in KERNEL_OPERATORS:
        kernel, bias = kernel_of(operator), bias_of(operator)
        axis = KERNEL_OPERATORS[operator.kind].channel_axis
        set_kernel(made, constant(f"{kernel.name}_{name}", kernel.constant.take(channels, axis)))
        if bias is not None:
            set_bias(made, constant(f"{bias.name}_{name}", bias.constant[channels]))
    return made
