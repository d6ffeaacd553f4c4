"""Computes constants in advance: shapes, their arithmetic, float16 weights."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.run import GraphRunner


def fold_constants(graph: Graph) -> int:
    """Compute all operators that depend only on constants and static shapes.

    Operators that write a tensor with a known value are removed too.

    Raises:
        ConversionError: the interpreter refuses one of these operators.
    """
    written = [op for op in graph.operators if all(t.is_constant for t in op.outputs)]
    graph.operators = [op for op in graph.operators if op not in written]
    shapes = _fold_shapes(graph)
    folded = _foldable(graph)
    wanted = _taken_outside(graph, folded)
    if wanted:
        part = Graph({}, {f"out_{i}": tensor for i, tensor in enumerate(wanted)}, folded)
        # XNNPACK refuses graphs without inputs.
        values = GraphRunner(part, reference_kernels=True)({})
        for tensor in wanted:
            _hold(tensor, np.array(values[tensor]))
    graph.operators = [op for op in graph.operators if op not in folded]
    return len(written) + shapes + len(folded)


def _fold_shapes(graph: Graph) -> int:
    kinds = {"SHAPE", "RANK"}
    found = [op for op in graph.operators if op.kind in kinds and not graph.is_output(op.output)]
    for operator in found:
        shape = operator.input(0).shape
        value = shape if operator.kind == "SHAPE" else len(shape)
        _hold(operator.output, np.array(value, operator.output.dtype))
        graph.operators.remove(operator)
    return len(found)


def _foldable(graph: Graph) -> list[Operator]:
    known: set[Tensor] = set()
    found = []
    for operator in graph.operators:
        inputs = [tensor for tensor in operator.inputs if tensor is not None]
        is_known = all(tensor.is_constant or tensor in known for tensor in inputs)
        if is_known and inputs and not any(map(graph.is_output, operator.outputs)):
            found.append(operator)
            known.update(operator.outputs)
    return found


def _taken_outside(graph: Graph, folded: list[Operator]) -> list[Tensor]:
    """Return the outputs of folded operators that other operators use."""
    inside = set(folded)
    computed = {tensor for operator in folded for tensor in operator.outputs}
    taken = (t for op in graph.operators if op not in inside for t in op.inputs)
    return list(dict.fromkeys(t for t in taken if t in computed))


def _hold(tensor: Tensor, value: np.ndarray) -> None:
    tensor.data, tensor.shape, tensor.dtype = value, value.shape, value.dtype
    tensor.quantization = None
