"""Moves activations to operators that can fuse them."""

from __future__ import annotations

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.operator_kinds import kinds
from tfl_depth.converters.graph.rewrites.links import Links

_CLAMPS = frozenset({"RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1"})
# max(0, x) can move before these operators, since they only move elements of one input.
_MOVES = kinds(
    "DEPTH_TO_SPACE EXPAND_DIMS RESHAPE RESIZE_NEAREST_NEIGHBOR SLICE SPACE_TO_DEPTH SQUEEZE "
    "STRIDED_SLICE TILE TRANSPOSE"
)


def hoist_activations(graph: Graph) -> int:
    """Move ReLUs before transpositions, reshapes and similar operators, next to convolutions."""
    count = 0
    links = Links(graph)
    for activation in [op for op in graph.operators if op.kind in _CLAMPS]:
        move = links.only_source(activation.input(0))
        if move is None or move.kind not in _MOVES or links.producer(move.input(0)) is None:
            continue
        _swap(graph, move, activation)
        links.refresh()
        count += 1
    return count


def _swap(graph: Graph, move: Operator, activation: Operator) -> None:
    source = move.input(0)
    between = Tensor(activation.input(0).name, source.shape, source.dtype)
    result = activation.output
    graph.operators.remove(activation)
    graph.insert_before(move, [Operator(activation.kind, [source], [between])])
    move.inputs[0], move.outputs[0] = between, result
