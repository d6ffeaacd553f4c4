"""What each operator of a .tflite file computes and holds, and what its tensors are."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tfl_depth.converters.tflite_file import text_of
from tfl_depth.converters.tflite_graph import (
    is_constant,
    macs_of,
    operator_name,
    parsed,
    shape_of,
    type_name,
)

# Bytes of an element; of other types nobody needs them.
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
    """One operator, by its first result.

    Attributes:
        kind: TensorFlow Lite's name of it.
        name: of the tensor that it gives.
        shape: of that tensor.
        macs: multiply-accumulates; None for what a compiler has packed.
        weight_bytes: of the constants that it takes.
        result_bytes: of what it gives; None where the type has no bytes of its own.
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
        types: how many there are of each type, most frequent first.
        weight_bytes: of all constants.
        largest_bytes: of the largest that is no constant.
    """

    types: dict[str, int]
    weight_bytes: int
    largest_bytes: int


def read_costs(model: bytes) -> tuple[tuple[OperatorCost, ...], Tensors]:
    """Read a .tflite file's operators, in the order in which they run, and its tensors.

    Raises:
        ModelFileError: the file is damaged.
    """
    return parsed(model, lambda tree: (_costs(tree), _tensors(tree)))


def _costs(model: Any) -> tuple[OperatorCost, ...]:
    return tuple(_cost(model, operator) for operator in model.subgraphs[0].operators)


def _cost(model: Any, operator: Any) -> OperatorCost:
    tensors = model.subgraphs[0].tensors
    kind, result = operator_name(model, operator), tensors[operator.outputs[0]]
    # -1 stands for an input that is left out.
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
    constant = {tensor.buffer for tensor in tensors if is_constant(model.buffers[tensor.buffer])}
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
