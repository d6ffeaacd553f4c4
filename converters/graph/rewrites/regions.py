"""Regions of operators that compute a tensor from one other tensor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.movement import computed_inputs

Test = Callable[[Operator], bool]


def operators_between(graph: Graph, source: Tensor, result: Tensor) -> list[Operator]:
    """Return the operators that compute `result` from `source`, in order."""
    needed = {result}
    kept: list[Operator] = []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs):
            kept.append(operator)
            needed.update(t for t in computed_inputs(operator) if t is not source)
    return kept[::-1]


def roots(
    graph: Graph, belongs: Test, stops: Collection[Tensor] = frozenset()
) -> dict[Tensor, Tensor]:
    """Return, for each tensor, the one tensor from which operators of a kind compute it.

    Args:
        graph: with operators in order.
        belongs: whether an operator is of the kind.
        stops: tensors that are always roots.

    Returns:
        The root of each computed tensor. It is the tensor itself if another operator computes it,
        or if it depends on several tensors.
    """
    found = {tensor: tensor for tensor in graph.inputs.values()}
    for operator in graph.operators:
        sources = {found.get(tensor, tensor) for tensor in computed_inputs(operator)}
        is_one = len(sources) == 1 and belongs(operator)
        root = sources.pop() if is_one else None
        for tensor in operator.outputs:
            found[tensor] = tensor if root is None or tensor in stops else root
    return found


def ends(graph: Graph, root_of: dict[Tensor, Tensor]) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Return every root with the tensors computed from it, the last tensor first."""
    results: dict[Tensor, list[Tensor]] = {}
    for operator in reversed(graph.operators):
        for tensor in operator.outputs:
            if root_of[tensor] is not tensor:
                results.setdefault(root_of[tensor], []).append(tensor)
    yield from results.items()
