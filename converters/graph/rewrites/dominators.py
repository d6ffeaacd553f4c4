"""Dominators: tensors through which all paths from the input pass."""

from __future__ import annotations

from tfl_depth.converters.graph.graph import Graph, Tensor
from tfl_depth.converters.graph.movement import computed_inputs


class Dominators:
    """Return the nearest dominator of each tensor.

    If a tensor depends only on x and constants, x is on its `line`.
    """

    def __init__(self, graph: Graph) -> None:
        self._above: dict[Tensor, Tensor | None] = dict.fromkeys(graph.inputs.values())
        self._depth: dict[Tensor, int] = dict.fromkeys(graph.inputs.values(), 0)
        for operator in graph.operators:
            above: Tensor | None = None
            for place, tensor in enumerate(computed_inputs(operator)):
                above = tensor if place == 0 else self._common(above, tensor)
            for tensor in operator.outputs:
                self._above[tensor] = above
                self._depth[tensor] = 0 if above is None else self._depth[above] + 1

    def line(self, tensor: Tensor) -> list[Tensor]:
        """Return the dominators of a tensor, the nearest first."""
        found = []
        above = self._above.get(tensor)
        while above is not None:
            found.append(above)
            above = self._above.get(above)
        return found

    def _common(self, one: Tensor | None, other: Tensor | None) -> Tensor | None:
        while one is not other and one is not None and other is not None:
            if self._depth[one] >= self._depth[other]:
                one = self._above[one]
            else:
                other = self._above[other]
        return one if one is other else None
