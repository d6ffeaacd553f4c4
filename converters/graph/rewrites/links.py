"""Fast look-up of producers and consumers of tensors."""

from __future__ import annotations

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor


class Links:
    """A snapshot of a graph's producers and consumers; `refresh` after each edit."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.refresh()

    def refresh(self) -> None:
        """Read the graph again."""
        self._producers = self._graph.producers()
        self._consumers = self._graph.consumers()
        self._outputs = set(self._graph.outputs.values())

    def producer(self, tensor: Tensor | None) -> Operator | None:
        """Return the operator that computes a tensor; None for constants and inputs."""
        return None if tensor is None else self._producers.get(tensor)

    def consumers(self, tensor: Tensor) -> list[Operator]:
        """Return the operators that use a tensor."""
        return self._consumers.get(tensor, [])

    def is_output(self, tensor: Tensor) -> bool:
        """Whether a tensor is an output of the network."""
        return tensor in self._outputs

    def only_consumer(self, tensor: Tensor) -> Operator | None:
        """Return the only operator that uses a tensor; None if others use it or it is an output."""
        found = self.consumers(tensor)
        return found[0] if len(found) == 1 and not self.is_output(tensor) else None

    def only_source(self, tensor: Tensor | None) -> Operator | None:
        """Return the operator that computes a tensor for one consumer only, else None."""
        if tensor is None or self.only_consumer(tensor) is None:
            return None
        return self.producer(tensor)
