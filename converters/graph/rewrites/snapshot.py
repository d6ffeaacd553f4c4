"""A snapshot of a graph, for rewrites that are undone if they bring no gain."""

from __future__ import annotations

from tfl_depth.converters.graph.graph import Graph


class Snapshot:
    """Stores a graph's operators and their tensors.

    Options and constants are not stored, so a trial must create new ones.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._ends = dict(graph.inputs), dict(graph.outputs)
        self._operators = [(op, list(op.inputs), list(op.outputs)) for op in graph.operators]

    def restore(self) -> None:
        """Restore the graph."""
        self._graph.inputs, self._graph.outputs = map(dict, self._ends)
        for operator, inputs, outputs in self._operators:
            operator.inputs, operator.outputs = list(inputs), list(outputs)
        self._graph.operators = [operator for operator, _, _ in self._operators]
