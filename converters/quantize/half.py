"""Weights stored as 16-bit floats, and computed in 32 bits."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Tensor

# Smaller constants stay float32, since each float16 constant needs an operator.
LEAST_ELEMENTS = 64


def with_half_weights(graph: Graph) -> Graph:
    """Return a copy of the graph with its float constants stored as float16."""
    made = graph.copy()
    large = [
        tensor
        for tensor in made.tensors()
        if tensor.data is not None
        and tensor.dtype == np.float32
        and tensor.data.size >= LEAST_ELEMENTS
    ]
    widened = []
    for tensor in large:
        data = tensor.constant.astype(np.float16)
        half = Tensor(f"{tensor.name}_half", tensor.shape, data.dtype, data)
        computed = Tensor(tensor.name, tensor.shape, tensor.dtype)
        made.redirect(tensor, computed)
        widened.append(Operator("DEQUANTIZE", [half], [computed], version=3))
    made.operators[:0] = widened
    return made
