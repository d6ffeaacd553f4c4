"""Moves transpositions of feature maps towards the outputs, where they cancel each other.

In PyTorch and ONNX, channels are before rows and columns; in TensorFlow Lite's kernels they are
after them. Exporters put transpositions around each convolution, and keep the source's order
between convolutions.
"""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.rewrites.chains import simplify_chains
from tfl_depth.converters.graph.rewrites.identities import drop_identities
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.maker import Maker
from tfl_depth.converters.graph.rewrites.repeat import repeat
from tfl_depth.converters.graph.rewrites.snapshot import Snapshot
from tfl_depth.converters.graph.rewrites.transposed_operators import (
    Moved,
    Order,
    constant_before,
    inverse,
    moved_before,
)

# The order that moves channels from the end to the front. Other operands are only transposed back
# for this order: orders that are their own inverse would never end.
_CHANNELS_FIRST = ((0, 3, 1, 2), (0, 4, 1, 2, 3), (2, 0, 1), (0, 2, 1))
_COUNT_OF_ONE = 1


def sink_transposes(graph: Graph) -> int:
    """Move transpositions after the operators that use their results.

    The result is kept unless more elements are transposed than before.
    """
    before, snapshot = _transposed_elements(graph), Snapshot(graph)
    if not before:
        return 0
    count = repeat(graph, [simplify_chains, drop_identities, _sink])
    if _transposed_elements(graph) <= before:
        return count
    snapshot.restore()
    return 0


def _transposed_elements(graph: Graph) -> int:
    sizes = (int(np.prod(op.output.shape)) for op in graph.operators if op.kind == "TRANSPOSE")
    return sum(size + _COUNT_OF_ONE for size in sizes)


def _sink(graph: Graph) -> int:
    count = 0
    links = Links(graph)
    for operator in list(graph.operators):
        order = _order_in_front(links, operator)
        moved = None if order is None else moved_before(operator, order)
        if order is None or moved is None or not _may_move(links, operator, moved, order):
            continue
        _move(graph, links, operator, moved, order)
        links.refresh()
        count += 1
    return count


def order_of(operator: Operator | None) -> Order | None:
    """Return the order of a transposition; None for any other operator."""
    if operator is None or operator.kind != "TRANSPOSE" or not operator.input(1).is_constant:
        return None
    return tuple(int(axis) for axis in operator.input(1).constant)


def _order_in_front(links: Links, operator: Operator) -> Order | None:
    """Return the order of a transposition of an input of full size."""
    largest = max((len(t.shape) for t in operator.inputs if t is not None), default=0)
    for tensor in operator.inputs:
        order = order_of(links.producer(tensor))
        if order in _CHANNELS_FIRST and len(order) == largest:
            return order
    return None


def _may_move(links: Links, operator: Operator, moved: Moved, order: Order) -> bool:
    if order != inverse(order):
        return True
    operands = [moved.inputs[place] for place in moved.undone]
    return all(t is None or _comes_free(links, t, order) for t in operands)


def _comes_free(links: Links, tensor: Tensor, order: Order) -> bool:
    return (
        tensor.is_constant
        or order_of(links.producer(tensor)) == order
        or all(size == 1 for size in tensor.shape)
    )


def _move(graph: Graph, links: Links, operator: Operator, moved: Moved, order: Order) -> None:
    maker = Maker(operator.output)
    for place in moved.undone:
        tensor = moved.inputs[place]
        if tensor is not None:
            moved.inputs[place] = _before(links, maker, tensor, order)
    back = inverse(moved.order)
    outputs = [_computed_before(tensor, back) for tensor in operator.outputs]
    made = Operator(operator.kind, moved.inputs, outputs, moved.options, operator.version)
    maker.operators.append(made)
    for early, late in zip(outputs, operator.outputs, strict=True):
        maker.transpose(early, moved.order)
        if list(moved.order) == sorted(moved.order):
            made.outputs[made.outputs.index(early)] = late
        else:
            maker.operators[-1].outputs = [late]
    graph.replace(operator, maker.operators)


def _before(links: Links, maker: Maker, tensor: Tensor, order: Order) -> Tensor:
    """Return an operand in the order before the transposition."""
    if tensor.is_constant:
        return constant_before(tensor, order)
    if all(size == 1 for size in tensor.shape):
        return tensor
    producer = links.producer(tensor)
    if producer is not None and order_of(producer) == order:
        return producer.input(0)
    shape = (1,) * (len(order) - len(tensor.shape)) + tensor.shape
    return maker.transpose(maker.reshape(tensor, shape), inverse(order))


def _computed_before(tensor: Tensor, back: Order) -> Tensor:
    name = f"{tensor.name}/before_transpose"
    return Tensor(name, tuple(tensor.shape[axis] for axis in back), tensor.dtype)
