"""Splits depthwise convolutions by the size of their filters, for NPUs with one step a kernel.

If one step serves all filters, a filter that is ten times smaller gets a tenth of the int8 codes.
The channels of a depthwise convolution are independent. So channels whose filters have a similar
size become a convolution of their own, with its own step. The convolution before them is split too.
A concatenation joins the results in another order of channels, and the next kernel takes that
order. The network's output does not change.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
MOST_PARTS = 4
# Each part adds two operators. It must remove this share of the rounding error.
LEAST_GAIN = 0.3

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
            if len(parts) > 1:
                _split(context.graph, _Block(before, behind), parts)


def _may_split(before: ConvPair, behind: ConvPair) -> bool:
    depthwise = before.second
    multiplied = kernel_of(depthwise).shape[3] != before.first.output.shape[-1]
    plain = before.first.kind == behind.second.kind == "CONV_2D"
    return depthwise.kind == "DEPTHWISE_CONV_2D" and plain and not multiplied


def _parts(ranges: npt.NDArray[np.floating]) -> list[Channels]:
    """Divide the channels by the size of their filters, as long as another part is worth it."""
    order = np.argsort(-ranges)
    places = [*range(0, len(order), BLOCK), len(order)]
    errors = _rounding_errors(np.square(ranges[order].astype(np.float64)), places)
    # Dynamic programming: the least error of the first channels, up to each place, in some parts.
    least, starts = errors[0], []
    for _ in range(1, MOST_PARTS):
        divided = least[:, None] + errors
        if divided[:, -1].min() >= (1 - LEAST_GAIN) * least[-1]:
            break
        least = divided.min(axis=0)
        starts.append(divided.argmin(axis=0))
    ends = [len(places) - 1]
    for start in reversed(starts):
        ends.insert(0, start[ends[0]])
    return [np.sort(order[places[a] : places[b]]) for a, b in pairwise([0, *ends])]


def _rounding_errors(
    squares: npt.NDArray[np.float64], places: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Error of a part from each place to each later one; infinity to itself or an earlier one.

    It is the sum of the squared steps, relative to each filter's range.

    Args:
        squares: squared ranges of the filters, from large to small. The first of a part decides
            the part's step.
        places: where parts may start and end.
    """
    # A filter of zeros has no error.
    alive = squares > 1e-6 * squares[0]
    relative = np.where(alive, 1 / np.maximum(squares, 1e-12), 0)
    before = np.concatenate([[0], np.cumsum(relative)])[places]
    firsts = np.append(squares, 0)[places]
    errors = firsts[:, None] * (before - before[:, None])
    return np.where(np.tri(len(places), dtype=bool), np.inf, errors)


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


def _split(graph: Graph, block: _Block, parts: Sequence[Channels]) -> None:
    chain, joined = block.chain(graph), block.behind.between
    source = chain[0].input(0)
    made: list[Operator] = []
    results = []
    for number, channels in enumerate(parts, start=1):
        value = source
        for operator in chain:
            part = _part(operator, value, channels, f"part{number}")
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
