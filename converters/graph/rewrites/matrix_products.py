"""Rewrites matrix products with constants to dense layers."""

from __future__ import annotations

from typing import Any

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.rewrites.maker import Maker

_SIDES = 2


def products_to_fully_connected(graph: Graph) -> int:
    """Rewrite BATCH_MATMUL by a constant matrix to FULLY_CONNECTED.

    Integer kernels of BATCH_MATMUL compute zeros for a constant with a scale for each channel.
    """
    count = 0
    for operator in [op for op in graph.operators if op.kind == "BATCH_MATMUL"]:
        left, right = operator.input(0), operator.input(1)
        if left.is_constant == right.is_constant:
            continue
        matrix = _matrix(left if left.is_constant else right)
        if matrix is not None:
            write = _left_product if left.is_constant else _right_product
            write(operator, matrix).replace(graph, operator)
            count += 1
    return count


def _matrix(tensor: Tensor) -> Any:
    """Return a constant as one matrix, or None if there are several."""
    if tensor.constant.size == 0 or any(size != 1 for size in tensor.shape[:-_SIDES]):
        return None
    return tensor.constant.reshape(tensor.shape[-_SIDES:])


def _right_product(operator: Operator, matrix: Any) -> Maker:
    """Compute x A, one product for each row of x."""
    maker = Maker(operator.output)
    weights = matrix if operator.options.adjY else matrix.T
    features = operator.input(0)
    if operator.options.adjX:
        features = _transposed(maker, features)
    maker.reshape(maker.fully_connected(features, weights), operator.output.shape)
    return maker


def _left_product(operator: Operator, matrix: Any) -> Maker:
    """Compute A x, the transpose of (x^T A^T)."""
    maker = Maker(operator.output)
    weights = matrix.T if operator.options.adjX else matrix
    features = operator.input(1)
    if not operator.options.adjY:
        features = _transposed(maker, features)
    made = _transposed(maker, maker.fully_connected(features, weights))
    maker.reshape(made, operator.output.shape)
    return maker


def _transposed(maker: Maker, left: Tensor) -> Tensor:
    rank = len(left.shape)
    return maker.transpose(left, (*range(rank - _SIDES), rank - 1, rank - _SIDES))


def take_apart_adjoints(graph: Graph) -> int:
    """Make the transpositions inside BATCH_MATMUL separate operators.

    Other rewrites can then remove them.
    """
    count = 0
    for operator in [op for op in graph.operators if op.kind == "BATCH_MATMUL"]:
        if not (operator.options.adjX or operator.options.adjY):
            continue
        maker = Maker(operator.output)
        sides = [
            _transposed(maker, tensor) if adjoint else tensor
            for tensor, adjoint in (
                (operator.input(0), operator.options.adjX),
                (operator.input(1), operator.options.adjY),
            )
        ]
        options = type(operator.options)()
        maker.apply("BATCH_MATMUL", sides, operator.output.shape, options)
        maker.operators[-1].version = operator.version
        maker.replace(graph, operator)
        count += 1
    return count
