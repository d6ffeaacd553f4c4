"""Who computes and who takes each tensor, looked up fast between edits of a graph."""

from __future__ import annotations

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor


class Links:
    """A snapshot of a graph's producers and consumers; `refresh` after each edit."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.refresh()

    def refresh(self) -> None:
        """Look at the graph again."""
        self._producers = self._graph.producers()
        self._consumers = self._graph.consumers()
        self._outputs = set(self._graph.outputs.values())

    def producer(self, tensor: Tensor | None) -> Operator | None:
        """The operator that computes a tensor; None for constants and inputs."""
        return None if tensor is None else self._producers.get(tensor)

    def consumers(self, tensor: Tensor) -> list[Operator]:
        """The operators that take a tensor."""
        return self._consumers.get(tensor, [])

    def is_output(self, tensor: Tensor) -> bool:
        """Whether the network gives this tensor."""
        return tensor in self._outputs

    def only_consumer(self, tensor: Tensor) -> Operator | None:
        """The one operator that takes a tensor; None where there are others, or it is an output."""
        found = self.consumers(tensor)
        return found[0] if len(found) == 1 and not self.is_output(tensor) else None

    def only_source(self, tensor: Tensor | None) -> Operator | None:
        """The operator that computes a tensor for one consumer alone, else None."""
        if tensor is None or self.only_consumer(tensor) is None:
            return None
        return self.producer(tensor)
