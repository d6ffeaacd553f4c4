"""A graph as it was, for rewrites that are tried and kept only if they gain."""

from __future__ import annotations

from tfl_depth.converters.graph.graph import Graph


class Snapshot:
    """Remembers a graph's operators and their tensors.

    Options and constants are not remembered: whoever tries something makes new ones.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._ends = dict(graph.inputs), dict(graph.outputs)
        self._operators = [(op, list(op.inputs), list(op.outputs)) for op in graph.operators]

    def restore(self) -> None:
        """Bring the graph back to what it was."""
        self._graph.inputs, self._graph.outputs = map(dict, self._ends)
        for operator, inputs, outputs in self._operators:
            operator.inputs, operator.outputs = list(inputs), list(outputs)
        self._graph.operators = [operator for operator, _, _ in self._operators]
