"""The function g from y to meters."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Operator, Tensor
from tfl_depth.converters.head.find import Head
from tfl_depth.converters.head.formula import Formula

Values = npt.NDArray[np.float64]
Function = Callable[[Values], Values]

# Number of values in one run.
_BLOCK = 1024


def depth_function(head: Head, formula: Formula) -> Function:
    """Make the function from y to depth in meters: the head's tail and the formula.

    The tail runs on the interpreter, in float32.

    Returns:
        A function of (n,) float64 to (n,) float64. Values without depth become NaN or infinite.
    """
    if not head.tail:
        return formula
    run = _Tail(head)
    return lambda y: formula(run(y))


class _Tail:
    """Runs a head's tail on any number of values."""

    def __init__(self, head: Head) -> None:
        mine: dict[Tensor, Tensor] = {}
        for tensor in (head.y, *(operator.output for operator in head.tail)):
            mine[tensor] = Tensor(tensor.name, (1, 1, _BLOCK, 1), tensor.dtype)
        operators = [
            Operator(
                operator.kind,
                [t if t is None else mine.get(t, t) for t in operator.inputs],
                [mine[operator.output]],
                copy.deepcopy(operator.options),
                operator.version,
            )
            for operator in head.tail
        ]
        self._y, self._raw = mine[head.y], mine[head.raw]
        self._run = GraphRunner(Graph({"y": self._y}, {"raw": self._raw}, operators))

    def __call__(self, y: Values) -> Values:
        blocks = -(-y.size // _BLOCK)
        padded = np.resize(y.astype(np.float32), (blocks, *self._y.shape))
        found = [self._run({self._y: values})[self._raw].copy() for values in padded]
        return np.concatenate([values.ravel() for values in found])[: y.size].astype(np.float64)
