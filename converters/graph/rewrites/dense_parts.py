"""Splits kernels whose output channels are used in parts, into one kernel for each part.

Attention computes q, k and v in one dense layer. After the split each has its own range and scale,
and transpositions of five dimensions become usual ones.
"""

from __future__ import annotations

import copy

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor, constant
from tfl_depth.converters.graph.kernels import bias_of, features_of, kernel_of
from tfl_depth.converters.graph.rewrites.axes_order import FactorOrder, Shape
from tfl_depth.converters.graph.rewrites.chains import compose, is_chained
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.maker import Maker
from tfl_depth.converters.graph.rewrites.slices import Part, parts_of

_DENSE = frozenset({"CONV_2D", "FULLY_CONNECTED"})


def split_dense(graph: Graph) -> int:
    """Make a separate convolution or dense layer for each range of channels that is sliced."""
    count = 0
    links = Links(graph)
    for operator in [op for op in graph.operators if op.kind in _DENSE]:
        chain = _chain_behind(links, operator)
        sliced = chain[-1].output if chain else operator.output
        parts = _parts(links, sliced)
        channels = None if parts is None else _channel_ranges(operator, chain, parts)
        if parts is None or channels is None or not _is_whole(operator):
            continue
        for part, (begin, end) in zip(parts, channels, strict=True):
            taker = next(op for op in links.consumers(sliced) if part.output in op.outputs)
            made = _part_of(operator, chain, part, begin, end)
            graph.insert_before(taker, made.operators)
        for taker in links.consumers(sliced):
            graph.operators.remove(taker)
        graph.remove_dead()
        links.refresh()
        count += 1
    return count


def _is_whole(operator: Operator) -> bool:
    """Whether each output channel uses all input channels: no groups, no flattened maps."""
    kernel = kernel_of(operator)
    return kernel.is_constant and kernel.shape[-1] == features_of(operator).shape[-1]


def _chain_behind(links: Links, operator: Operator) -> list[Operator]:
    chain: list[Operator] = []
    tensor = operator.output
    while True:
        consumer = links.only_consumer(tensor)
        if consumer is None or not is_chained(consumer):
            return chain
        chain.append(consumer)
        tensor = consumer.output


def _parts(links: Links, tensor: Tensor) -> list[Part] | None:
    """Return the ranges along one axis if a tensor is only used by slices; or None."""
    if links.is_output(tensor):
        return None
    found: list[Part] = []
    for consumer in links.consumers(tensor):
        parts = parts_of(consumer, tensor)
        if parts is None:
            return None
        used = [p for p in parts if links.consumers(p.output) or links.is_output(p.output)]
        found += used
    is_one = len({part.axis for part in found}) == 1
    return found if is_one else None


def _channel_ranges(
    operator: Operator, chain: list[Operator], parts: list[Part]
) -> list[tuple[int, int]] | None:
    """Return the first and last output channel of each part; None if parts are not ranges."""
    shape = operator.output.shape
    found = compose(shape, chain)
    if found is None or not found.source[-1]:
        return None
    group = found.result[parts[0].axis]
    if len(group) != 1 or group[0] is not found.source[-1][0]:
        return None
    step = shape[-1] // group[0].size
    return [(part.begin * step, (part.begin + part.size) * step) for part in parts]


def _part_of(operator: Operator, chain: list[Operator], part: Part, begin: int, end: int) -> Maker:
    maker = Maker(part.output)
    kernel, bias = kernel_of(operator), bias_of(operator)
    inputs = [
        features_of(operator),
        constant(f"{part.output.name}/kernel", kernel.constant[begin:end]),
    ]
    if bias is not None:
        inputs.append(constant(f"{part.output.name}/bias", bias.constant[begin:end]))
    shape = (*operator.output.shape[:-1], end - begin)
    options = copy.deepcopy(operator.options)
    made = maker.apply(operator.kind, inputs, shape, options)
    maker.operators[-1].version = operator.version
    for step, target in zip(chain, _shapes(operator, chain, part.size), strict=True):
        if step.kind == "TRANSPOSE":
            made = maker.transpose(made, [int(axis) for axis in step.input(1).constant])
        else:
            made = maker.reshape(made, target)
    maker.reshape(made, part.output.shape)
    maker.operators[-1].outputs = [part.output]
    return maker


def _shapes(operator: Operator, chain: list[Operator], size: int) -> list[Shape]:
    """Return the shapes along a chain, with the sliced factor reduced to `size`."""
    whole = compose(operator.output.shape, chain)
    if whole is None:
        raise ValueError(f"Expected plain reshapes behind {operator.output.name}.")
    sizes = tuple(factor.size for group in whole.source for factor in group)
    place = sum(len(group) for group in whole.source[:-1])
    order = FactorOrder(sizes)
    sliced = order.source[place][0]
    order.reshape(operator.output.shape)
    shapes = []
    for step in chain:
        if step.kind == "TRANSPOSE":
            order.transpose([int(axis) for axis in step.input(1).constant])
        else:
            order.reshape(step.output.shape)
        dims = zip(step.output.shape, order.result, strict=True)
        shapes.append(
            tuple(dim // sliced.size * size if sliced in group else dim for dim, group in dims)
        )
    return shapes
