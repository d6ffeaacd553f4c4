"""Moves permutations of channels into kernels, as from pixel and channel shuffles."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor, constant
from tfl_depth.converters.graph.kernels import bias_of, features_of, kernel_of, set_bias, set_kernel
from tfl_depth.converters.graph.operator_kinds import UNARY
from tfl_depth.converters.graph.rewrites.axes_order import FactorOrder, Shape
from tfl_depth.converters.graph.rewrites.chains import (
    arrange,
    chain_to,
    cheapest,
    compose,
    cost_of_best,
    is_chained,
)
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.maker import Maker, bypass

# Kernels whose output channels, and input channels, each have their own dimension.
_DENSE = frozenset({"CONV_2D", "FULLY_CONNECTED"})


def fold_channel_order(graph: Graph) -> int:
    """Reorder the channels of kernels next to a transposition, and simplify the transposition."""
    count = 0
    links = Links(graph)
    for end in list(graph.operators):
        if end not in graph.operators or not _is_last(links, end):
            continue
        if _fold_in_front(graph, links, end) or _fold_behind(graph, links, end):
            graph.remove_dead()
            links.refresh()
            count += 1
    return count


def fold_channel_gathers(graph: Graph) -> int:
    """Move a GATHER of channels into the kernel before or after it."""
    count = 0
    links = Links(graph)
    for gather in [op for op in graph.operators if op.kind == "GATHER"]:
        places = gathered_channels(gather)
        if places is None:
            continue
        before, behind = _kernel_alone(links, gather.input(0)), links.only_consumer(gather.output)
        if before is not None:
            _pick_outputs(before, places)
            _narrow(links, before, gather)
        elif behind is not None and behind.kind in _DENSE and _takes_dense(behind, gather.output):
            kernel = kernel_of(behind).constant
            spread = np.zeros((*kernel.shape[:-1], gather.input(0).shape[-1]), kernel.dtype)
            for place, channel in enumerate(places):
                spread[..., channel] += kernel[..., place]
            set_kernel(behind, _picked(kernel_of(behind), spread))
        else:
            continue
        if bypass(graph, gather, gather.input(0)):
            links.refresh()
            count += 1
    return count


def gathered_channels(gather: Operator) -> npt.NDArray[np.intp] | None:
    """Return the channel that a GATHER puts at each place; None for other gathers."""
    source, indices = gather.input(0), gather.input(1)
    is_last = gather.options.axis % len(source.shape) == len(source.shape) - 1
    if not indices.is_constant or indices.constant.ndim != 1 or not is_last:
        return None
    return indices.constant.astype(np.intp) % source.shape[-1]


def _narrow(links: Links, kernel: Operator, gather: Operator) -> None:
    """Set the number of channels of the tensors between a kernel and a GATHER."""
    operator: Operator | None = kernel
    while operator is not None and operator is not gather:
        tensor = operator.output
        tensor.shape = (*tensor.shape[:-1], gather.output.shape[-1])
        operator = links.only_consumer(tensor)


def _is_last(links: Links, operator: Operator) -> bool:
    return is_chained(operator) and not any(map(is_chained, links.consumers(operator.output)))


def _fold_in_front(graph: Graph, links: Links, end: Operator) -> bool:
    chain = chain_to(links, end)
    kernel = _kernel_alone(links, chain[0].input(0))
    if kernel is None or any(links.only_consumer(op.input(0)) is not op for op in chain):
        return False
    found = compose(chain[0].input(0).shape, chain)
    before = None if found is None else cost_of_best(found, chain)
    order = None if found is None else found.sort_channels_of_source()
    if found is None or order is None or before is None or cost_of_best(found, chain) >= before:
        return False
    if not _write(graph, chain, found):
        return False
    _pick_outputs(kernel, _places(order))
    return True


def _pick_outputs(kernel: Operator, places: npt.NDArray[np.intp]) -> None:
    set_kernel(kernel, _picked(kernel_of(kernel), kernel_of(kernel).constant[places]))
    bias = bias_of(kernel)
    if bias is not None:
        set_bias(kernel, _picked(bias, bias.constant[places]))


def _kernel_alone(links: Links, tensor: Tensor) -> Operator | None:
    """Return the dense operator that computes a tensor for one consumer, before activations."""
    producer = links.only_source(tensor)
    while producer is not None and producer.kind in UNARY:
        producer = links.only_source(producer.input(0))
    if producer is None or producer.kind not in _DENSE:
        return None
    return producer if _takes_dense(producer, features_of(producer)) else None


def _fold_behind(graph: Graph, links: Links, end: Operator) -> bool:
    kernel = links.only_consumer(end.output)
    if kernel is None or kernel.kind not in _DENSE or not _takes_dense(kernel, end.output):
        return False
    chain = chain_to(links, end)
    found = compose(chain[0].input(0).shape, chain)
    before = None if found is None else cost_of_best(found, chain)
    order = None if found is None else found.sort_channels_of_result()
    if found is None or order is None or before is None or cost_of_best(found, chain) >= before:
        return False
    if not _write(graph, chain, found):
        return False
    set_kernel(kernel, _picked(kernel_of(kernel), kernel_of(kernel).constant[..., _places(order)]))
    return True


def _takes_dense(kernel: Operator, features: Tensor) -> bool:
    """Whether a kernel uses all channels of features, once each."""
    weights = kernel_of(kernel)
    is_whole = weights.is_constant and weights.shape[-1] == features.shape[-1]
    return is_whole and features_of(kernel) is features


def _write(graph: Graph, chain: list[Operator], found: FactorOrder) -> bool:
    """Replace the end of the sequence by the shorter arrangement."""
    end, source = chain[-1], chain[0].input(0)
    best = cheapest(found, chain)
    if not best.moves and source.shape == end.output.shape:
        return bypass(graph, end, source)
    maker = Maker(end.output)
    arrange(maker, source, best, end.output.shape)
    maker.replace(graph, end)
    return True


def _places(order: Shape) -> npt.NDArray[np.intp]:
    """Return the channel at each place, from the sizes of factors and their new order."""
    count = len(order) // 2
    numbers = np.arange(np.prod(order[:count])).reshape(order[:count])
    return numbers.transpose(order[count:]).ravel()


def _picked(tensor: Tensor, value: Any) -> Tensor:
    return constant(tensor.name, value)
