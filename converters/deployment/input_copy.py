"""A copy of the input at the start of an INT8 model, which an Ethos-U reads faster.

The input is outside the NPU's own memory. A first convolution that reads its input several times
waits each time. One copy into the NPU's memory is faster.
"""

from __future__ import annotations

import copy
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.tflite_file import parse_tflite, serialize_tflite, text_of

_QUANTIZE = schema.BuiltinOperator.QUANTIZE


def with_input_copy(model: bytes) -> bytes:
    """Insert a QUANTIZE to the same scale that copies the input for all operators that read it.

    The outputs do not change. Input and outputs keep their names.

    Args:
        model: a portable .tflite file with one int8 input.
    """
    edited = parse_tflite(model)
    graph = edited.subgraphs[0]
    (source,) = (int(index) for index in graph.inputs)
    copied = copy.deepcopy(graph.tensors[source])
    copied.name = f"{text_of(copied.name)}_copy"
    place = len(graph.tensors)
    graph.tensors.append(copied)
    for operator in graph.operators:
        operator.inputs = [place if index == source else int(index) for index in operator.inputs]
    graph.operators.insert(0, _quantize(edited, source, place))
    return serialize_tflite(edited)


def _quantize(model: Any, source: int, result: int) -> Any:
    code = schema.OperatorCodeT()
    # Old readers use one field, new ones the other.
    code.builtinCode = code.deprecatedBuiltinCode = _QUANTIZE
    # From int8 to int8.
    code.version = 2
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = [source], [result]
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = schema.QuantizeOptionsT()
    return operator
