"""Rewrites cumulative sums, as of the widths of bins, to operators with an int8 kernel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Graph, Operator
from tfl_depth.converters.graph.rewrites.maker import Maker

# Largest n. The dense layer has n by n weights.
_MOST = 1024


def write_cumulative_sums(graph: Graph) -> int:
    """Rewrite CUMSUM over the last dimension to FULLY_CONNECTED with a triangle of ones."""
    found = [op for op in graph.operators if op.kind == "CUMSUM" and _is_over_last(op)]
    for operator in found:
        maker = Maker(operator.output)
        maker.fully_connected(operator.input(0), _weights(operator))
        maker.replace(graph, operator)
    return len(found)


def _is_over_last(operator: Operator) -> bool:
    x, axis = operator.input(0), operator.input(1)
    if not axis.is_constant or operator.output.dtype != np.float32:
        return False
    rank = len(x.shape)
    return int(axis.constant.item()) % rank == rank - 1 and x.shape[-1] <= _MOST


def _weights(operator: Operator) -> npt.NDArray[np.float32]:
    """Return the matrix of inputs (columns) that each output (row) adds up."""
    count = operator.input(0).shape[-1]
    first = -1 if operator.options.exclusive else 0
    triangle = np.tril(np.ones((count, count), np.float32), first)
    return triangle.T if operator.options.reverse else triangle
