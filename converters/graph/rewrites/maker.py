"""Makes sequences of operators that replace others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Graph, Operator, Tensor, constant

# Options of operators with two inputs, by kind.
BINARY_OPTIONS = {
    "ADD": "AddOptions",
    "DIV": "DivOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MUL": "MulOptions",
    "SUB": "SubOptions",
}


class Maker:
    """Makes operators that replace an operator.

    Args:
        result: the output of the last new operator. It keeps its name and its place in the graph.
            Names of other new tensors begin with its name.
    """

    def __init__(self, result: Tensor) -> None:
        self.operators: list[Operator] = []
        self._result = result
        self._count = 0

    def apply(
        self,
        kind: str,
        inputs: Sequence[Tensor],
        shape: Sequence[int],
        made_options: Any = None,
    ) -> Tensor:
        """Append an operator with one output, of `shape` and the first input's dtype."""
        output = Tensor(self._name(kind.lower()), tuple(shape), inputs[0].dtype)
        self.operators.append(Operator(kind, list(inputs), [output], made_options))
        return output

    def unary(self, kind: str, x: Tensor, made_options: Any = None) -> Tensor:
        """Append an operator of one input that keeps its shape."""
        return self.apply(kind, [x], x.shape, made_options)

    def binary(self, kind: str, a: Tensor | float, b: Tensor | float) -> Tensor:
        """Append ADD, SUB, MUL, MAXIMUM and so on of two tensors, or a tensor and a number."""
        first, second = self._operand(a), self._operand(b)
        shape = np.broadcast_shapes(first.shape, second.shape)
        made = options(BINARY_OPTIONS[kind]) if kind in BINARY_OPTIONS else None
        return self.apply(kind, [first, second], shape, made)

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> Tensor:
        """Make a constant."""
        return constant(self._name("constant"), value, dtype)

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Append RESHAPE if the shape differs."""
        if tuple(shape) == x.shape:
            return x
        return self.apply("RESHAPE", [x, self.constant(shape, np.int32)], shape)

    def transpose(self, x: Tensor, order: Sequence[int]) -> Tensor:
        """Append TRANSPOSE if the order differs."""
        if list(order) == list(range(len(order))):
            return x
        shape = [x.shape[axis] for axis in order]
        return self.apply("TRANSPOSE", [x, self.constant(order, np.int32)], shape)

    def fully_connected(
        self, x: Tensor, weights: npt.ArrayLike, bias: npt.ArrayLike | None = None
    ) -> Tensor:
        """Append a product with weights (outputs, inputs) over the last dimension."""
        kernel = self.constant(weights)
        values = np.zeros(kernel.shape[0]) if bias is None else bias
        shape = (*x.shape[:-1], kernel.shape[0])
        made = options("FullyConnectedOptions", keepNumDims=True)
        return self.apply("FULLY_CONNECTED", [x, kernel, self.constant(values)], shape, made)

    def replace(self, graph: Graph, old: Operator) -> None:
        """Replace the operator that computed the result by the new operators."""
        if not self.operators:
            raise ValueError(f"Expected operators that compute {self._result.name}, got none.")
        self.operators[-1].outputs = [self._result]
        graph.replace(old, self.operators)

    def _operand(self, value: Tensor | float) -> Tensor:
        return value if isinstance(value, Tensor) else self.constant(value)

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{self._result.name}/{what}_{self._count}"


def bypass(graph: Graph, operator: Operator, source: Tensor) -> bool:
    """Remove an operator whose only output has the values and the shape of `source`.

    Outputs of the graph stay the same tensors. The producer of `source` then computes the output.

    Returns:
        Whether it was possible: an output cannot be an input, a constant or another output.
    """
    result = operator.output
    if not graph.is_output(result):
        graph.redirect(result, source)
        graph.operators.remove(operator)
        return True
    producer = graph.producer(source)
    if producer is None or graph.is_output(source):
        return False
    graph.operators.remove(operator)
    producer.outputs[producer.outputs.index(source)] = result
    graph.redirect(source, result)
    return True
