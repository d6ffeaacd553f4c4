"""The choice of feature maps with 16 bits. All others have 8 bits.

It is a simulation: the writer gives all feature maps of a file the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tfl_depth.converters.graph import Graph, Operator
from tfl_depth.converters.graph.kernels import features_of, has_kernel, kernel_of

# At most this share of the multiply-accumulates has feature maps of 16 bits.
LIMIT_SHARE = 0.2


def wide_maps(graph: Graph, maps: Iterable[str], alone_mm: Mapping[str, float]) -> tuple[str, ...]:
    """Choose the feature maps with the largest gain for their cost.

    Args:
        graph: float.
        maps: the names of its feature maps.
        alone_mm: the median deviation with one of them in int8, by its name.

    Returns:
        Their names, the best first.
    """
    costs = {name: _cost(graph, name) for name in maps if alone_mm.get(name, 0.0) > 0}
    order = sorted(costs, key=lambda name: -alone_mm[name] / (costs[name] + 1))
    limit = LIMIT_SHARE * sum(multiply_accumulates(op) for op in graph.operators)
    chosen: list[str] = []
    left = limit
    for name in order:
        if costs[name] <= left:
            chosen.append(name)
            left -= costs[name]
    return tuple(chosen)


def _cost(graph: Graph, name: str) -> int:
    """Multiply-accumulates of the operators with a feature map as input or output."""
    return sum(
        multiply_accumulates(operator)
        for operator in graph.operators
        if name in {t.name for t in (*operator.inputs, *operator.outputs) if t is not None}
    )


def multiply_accumulates(operator: Operator) -> int:
    """Multiply-accumulates of an operator with a kernel; 0 for others."""
    if not has_kernel(operator):
        return 0
    laid_on = features_of(operator) if operator.kind == "TRANSPOSE_CONV" else operator.output
    return math.prod(laid_on.shape[:-1]) * math.prod(kernel_of(operator).shape)
