"""Shortens successive reshapes and transpositions."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.operator_kinds import SHAPING
from tfl_depth.converters.graph.rewrites.axes_order import (
    Arrangement,
    FactorOrder,
    Shape,
    arrangements,
)
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.maker import Maker, bypass

# Costs: a transposition reads and writes every element; a reshape is free on most targets.
_TRANSPOSE, _RESHAPE = 10, 1
# Number of dimensions up to which TensorFlow Lite and NPUs have good kernels, or any kernel.
_USUAL_RANK, _HIGH_RANK = 4, 5


def simplify_chains(graph: Graph) -> int:
    """Replace each sequence of reshapes and transpositions by the shortest equivalent one."""
    count = 0
    links = Links(graph)
    for operator in list(graph.operators):
        if operator in graph.operators and _simplify(graph, links, operator):
            graph.remove_dead()
            links.refresh()
            count += 1
    return count


def is_chained(operator: Operator | None) -> bool:
    """Whether an operator only changes the shape or the order of dimensions."""
    if operator is None:
        return False
    return operator.kind in SHAPING or (
        operator.kind == "TRANSPOSE" and operator.input(1).is_constant
    )


def _simplify(graph: Graph, links: Links, end: Operator) -> bool:
    if not is_chained(end):
        return False
    chain = chain_to(links, end)
    source = chain[0].input(0)
    found = compose(source.shape, chain)
    if source.is_constant or found is None or cost_of_best(found, chain) >= _saved(links, chain):
        return False
    best = cheapest(found, chain)
    if not best.moves and source.shape == end.output.shape:
        return bypass(graph, end, source)
    maker = Maker(end.output)
    arrange(maker, source, best, end.output.shape)
    maker.replace(graph, end)
    return True


def chain_to(links: Links, end: Operator) -> list[Operator]:
    """Return the successive reshapes and transpositions that end in an operator."""
    chain = [end]
    before = links.producer(end.input(0))
    while before is not None and is_chained(before):
        chain.insert(0, before)
        before = links.producer(before.input(0))
    return chain


def compose(shape: Shape, chain: list[Operator]) -> FactorOrder | None:
    """Return the combined effect of a sequence on a shape; None if it is not supported."""
    found = FactorOrder(shape)
    for operator in chain:
        if operator.kind == "TRANSPOSE":
            found.transpose([int(axis) for axis in operator.input(1).constant])
        elif not found.reshape(operator.output.shape):
            return None
    return found


def cheapest(found: FactorOrder, chain: list[Operator]) -> Arrangement:
    """Return the cheapest arrangement for a sequence."""
    ends = chain[0].input(0).shape, chain[-1].output.shape
    return min(arrangements(found), key=lambda way: _cost(ends[0], way, ends[1]))


def cost_of_best(found: FactorOrder, chain: list[Operator]) -> int:
    """Return the cost of an arrangement."""
    return _cost(chain[0].input(0).shape, cheapest(found, chain), chain[-1].output.shape)


def arrange(maker: Maker, source: Tensor, way: Arrangement, shape: Shape) -> Tensor:
    """Append the operators of an arrangement with the final shape `shape`."""
    inner = maker.reshape(source, way.inner)
    return maker.reshape(maker.transpose(inner, way.order), shape)


def _cost(shape: Shape, way: Arrangement, result: Shape) -> int:
    if not way.moves:
        return _RESHAPE if shape != result else 0
    reshapes = (shape != way.inner) + (way.outer != result)
    return _transposition(len(way.inner)) + reshapes * _RESHAPE


def _transposition(rank: int) -> int:
    return _TRANSPOSE + (_HIGH_RANK if rank > _USUAL_RANK else 0)


def _saved(links: Links, chain: list[Operator]) -> int:
    """Return the operators that are removed with the end of a sequence."""
    saved = 0
    for operator in reversed(chain):
        if operator is not chain[-1] and links.only_consumer(operator.output) is None:
            break
        is_transposition = operator.kind == "TRANSPOSE"
        rank = len(operator.output.shape)
        saved += _transposition(rank) if is_transposition else _RESHAPE
    return saved


def transposed(value: np.ndarray, order: Shape) -> np.ndarray:
    """Transpose a constant."""
    return np.ascontiguousarray(np.transpose(value, order))
