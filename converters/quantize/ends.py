"""Float inputs and outputs of an integer graph."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Tensor

FLOAT = np.dtype(np.float32)


def add_float_ends(graph: Graph) -> None:
    """Add QUANTIZE and DEQUANTIZE to an int16 graph, so that its inputs and outputs are float32."""
    for name, codes in list(graph.inputs.items()):
        given = Tensor(f"{codes.name}_float", codes.shape, FLOAT)
        graph.operators.insert(0, Operator("QUANTIZE", [given], [codes]))
        graph.inputs[name] = given
    for name, codes in list(graph.outputs.items()):
        result = Tensor(f"{codes.name}_float", codes.shape, FLOAT)
        graph.operators.append(Operator("DEQUANTIZE", [codes], [result], version=3))
        graph.outputs[name] = result
