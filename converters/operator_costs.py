"""The computation and memory of each operator of a .tflite file, and its tensors."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tfl_depth.converters.tflite_facts import (
    has_data,
    macs_of,
    operator_kind,
    parsed,
    shape_of,
    type_name,
)
from tfl_depth.converters.tflite_file import text_of

# Bytes of an element of each type that occurs here.
_BYTES = {
    "bool": 1,
    "float16": 2,
    "float32": 4,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "int8": 1,
    "uint8": 1,
}


@dataclass(frozen=True)
class OperatorCost:
    """Costs of one operator.

    Attributes:
        kind: TensorFlow Lite's name of the operator.
        name: of its first output.
        shape: of its first output.
        macs: multiply-accumulates; None for a compiler's custom operator.
        weight_bytes: of its constant inputs.
        result_bytes: of its first output; None for types without a fixed size.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    macs: int | None
    weight_bytes: int
    result_bytes: int | None


@dataclass(frozen=True)
class Tensors:
    """The tensors of a graph.

    Attributes:
        types: number of tensors of each type, most frequent first.
        weight_bytes: of all constants.
        largest_bytes: of the largest tensor that is not a constant.
    """

    types: dict[str, int]
    weight_bytes: int
    largest_bytes: int


def read_costs(model: bytes) -> tuple[tuple[OperatorCost, ...], Tensors]:
    """Read a .tflite file's operators, in execution order, and its tensors.

    Raises:
        ModelFileError: the file is damaged.
    """
    return parsed(model, lambda tree: (_costs(tree), _tensors(tree)))


def _costs(model: Any) -> tuple[OperatorCost, ...]:
    return tuple(_cost(model, operator) for operator in model.subgraphs[0].operators)


def _cost(model: Any, operator: Any) -> OperatorCost:
    tensors = model.subgraphs[0].tensors
    kind, result = operator_kind(model, operator), tensors[operator.outputs[0]]
    # -1 means an omitted optional input.
    taken = {tensors[index].buffer for index in operator.inputs if index >= 0}
    return OperatorCost(
        kind=kind,
        name=text_of(result.name),
        shape=shape_of(result),
        macs=None if kind.startswith("CUSTOM") else macs_of(kind, operator, tensors),
        weight_bytes=sum(_length(model.buffers[buffer]) for buffer in taken),
        result_bytes=_bytes_of(result),
    )


def _tensors(model: Any) -> Tensors:
    tensors = model.subgraphs[0].tensors
    constant = {tensor.buffer for tensor in tensors if has_data(model.buffers[tensor.buffer])}
    others = [_bytes_of(tensor) or 0 for tensor in tensors if tensor.buffer not in constant]
    return Tensors(
        types=dict(Counter(map(type_name, tensors)).most_common()),
        weight_bytes=sum(_length(model.buffers[buffer]) for buffer in constant),
        largest_bytes=max(others, default=0),
    )


def _length(buffer: Any) -> int:
    return 0 if buffer.data is None else len(buffer.data)


def _bytes_of(tensor: Any) -> int | None:
    each = _BYTES.get(type_name(tensor))
    return None if each is None else each * math.prod(shape_of(tensor))
