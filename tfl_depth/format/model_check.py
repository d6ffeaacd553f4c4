"""Checks of a model before native code loads it. A correct digest is not enough.

TensorFlow Lite's interpreter does not check a file: a scale of NaN, an index out of range or an
empty output crashes the process. These checks follow the schema and the files of the converters.
Harmless oddities are allowed: an open size in a signature, an output that is not used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ModelFileError
from tfl_depth.format import flatbuffer_reader as tables
from tfl_depth.format.model_kernels import TensorForm, check_kernel
from tfl_depth.format.model_operators import BIAS, CUSTOM, check_options, operator_name

# Field numbers, for `flatbuffer_reader.read`.
_MODEL_CODES, _MODEL_GRAPHS, _MODEL_BUFFERS, _MODEL_SIGNATURES = 1, 2, 4, 7
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 0, 1, 2, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_NAME, _TENSOR_QUANTIZATION = 0, 1, 2, 3, 4
_TENSOR_VARIABLE, _TENSOR_SPARSITY = 5, 6
_SCALE, _ZERO_POINT, _DETAILS_TYPE, _AXIS = 2, 3, 4, 6
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _OPERATOR_INTERMEDIATES = 0, 1, 2, 8
_BUFFER_DATA, _BUFFER_OFFSET, _BUFFER_SIZE = 0, 1, 2
_SIGNATURE_SIDES, _SIGNATURE_GRAPH = (0, 1), 4
_MAP_NAME, _MAP_TENSOR = 0, 1

# Types of tensors by number: bits of an item, and the range of its zero point.
_BITS = {0: 32, 1: 16, 2: 32, 3: 8, 4: 64, 6: 8, 7: 16, 9: 8, 17: 4}
_CODES = {3: (0, 255), 7: (-32768, 32767), 9: (-128, 127), 17: (-8, 7)}
# Kernels count items in 32 bits.
_MAX_ITEMS = 2**31 - 1
_MAX_DIMENSIONS = 8
_MAX_SIDE = 2**24
_MAX_GRAPHS = 16
# Kernels multiply and divide the scales of two tensors in float32.
_LEAST_SCALE, _LARGEST_SCALE = 1e-30, 1e30
# In place of an index: there is no bias.
_LEFT_OUT = -1


def check_model(model: bytes) -> None:
    """Refuse a .tflite file that could crash the interpreter.

    Raises:
        ModelFileError: not a TensorFlow Lite file, or it has tensors or operators that converters
            do not write.
    """
    tables.read(model, _check)


def declared_shapes(model: bytes) -> list[tuple[int, ...]]:
    """The shape of each tensor of the first graph of a file that passed `check_model`."""
    return tables.read(model, _shapes)


def _shapes(root: tables.Table) -> list[tuple[int, ...]]:
    graph = tables.child_at(root, _MODEL_GRAPHS, 0)
    return [
        tuple(_indices(tensor, _TENSOR_SHAPE)) for tensor in tables.children(graph, _GRAPH_TENSORS)
    ]


def _expect(holds: bool, problem: str) -> None:
    if not holds:
        raise ModelFileError(
            f"The file is damaged or malicious ({problem}): get it again from its source, or "
            "convert the model again."
        )


def _check(root: tables.Table) -> None:
    contents = [_content_size(buffer) for buffer in tables.children(root, _MODEL_BUFFERS)]
    names = [operator_name(code) for code in tables.children(root, _MODEL_CODES)]
    for name in names:
        _expect(not name.startswith("?"), f"an operator {name[1:]}, which converters do not write")
    graphs = list(tables.children(root, _MODEL_GRAPHS))
    _expect(0 < len(graphs) <= _MAX_GRAPHS, f"{len(graphs)} graphs")
    ends = [_check_graph(graph, names, contents) for graph in graphs]
    for signature in tables.children(root, _MODEL_SIGNATURES):
        graph = tables.scalar(signature, _SIGNATURE_GRAPH, "I")
        _expect(graph < len(graphs), f"a signature of graph {graph}")
        for side, tensors in zip(_SIGNATURE_SIDES, ends[graph], strict=True):
            for entry in tables.children(signature, side):
                tables.text(entry, _MAP_NAME)
                tensor = tables.scalar(entry, _MAP_TENSOR, "I")
                _expect(tensor in tensors, f"a signature names tensor {tensor}")


def _content_size(buffer: tables.Table) -> int:
    """Size of a buffer in bytes. In a large file it may be after the tables."""
    found = tables.span(buffer, _BUFFER_DATA)
    offset, size = (tables.scalar(buffer, field, "Q") for field in (_BUFFER_OFFSET, _BUFFER_SIZE))
    if offset > 1:
        _expect(offset + size <= len(buffer.data), "a buffer is outside of the file")
        return int(size)
    return 0 if found is None else found[1]


def _check_graph(
    graph: tables.Table, names: Sequence[str], contents: Sequence[int]
) -> tuple[set[int], set[int]]:
    """Check a graph; returns its inputs and its outputs."""
    tensors = [_check_tensor(each, contents) for each in tables.children(graph, _GRAPH_TENSORS)]
    inputs, outputs = (_indices(graph, field) for field in (_GRAPH_INPUTS, _GRAPH_OUTPUTS))
    for side, indices in (("inputs", inputs), ("outputs", outputs)):
        _expect(len(indices) > 0, f"a graph without {side}")
        _expect_in_range(indices, len(tensors), f"the {side} of a graph")
    known = [tensor.constant for tensor in tensors]
    _expect(not any(known[index] for index in inputs), "an input that is a constant")
    for index in inputs:
        known[index] = True
    operators = list(tables.children(graph, _GRAPH_OPERATORS))
    _expect(bool(operators), "a graph without operators")
    for operator in operators:
        _check_operator(operator, names, tensors, known)
    _expect(all(known[index] for index in outputs), "an output that no operator computes")
    return set(inputs), set(outputs)


def _check_tensor(tensor: tables.Table, contents: Sequence[int]) -> TensorForm:
    kind = tables.scalar(tensor, _TENSOR_TYPE, "b")
    _expect(kind in _BITS, f"a tensor of type {kind}")
    shape = _array(tensor, _TENSOR_SHAPE, np.int32)
    _expect(len(shape) <= _MAX_DIMENSIONS, f"a tensor of {len(shape)} dimensions")
    buffer = tables.scalar(tensor, _TENSOR_BUFFER, "I")
    _expect(buffer < max(len(contents), 1), f"a tensor in buffer {buffer}")
    size = contents[buffer] if buffer < len(contents) else 0
    least = 0 if shape.size == 1 and size == 0 else 1  # an empty list of axes or sizes
    sides = shape.tolist()
    _expect(all(least <= side <= _MAX_SIDE for side in sides), f"a tensor of shape {sides}")
    items = math.prod(sides)
    _expect(items <= _MAX_ITEMS, f"a tensor of shape {sides}")
    expected = (items * _BITS[kind] + 7) // 8
    _expect(size in (0, expected), f"a tensor of shape {sides} in {size} bytes")
    _expect(not tables.scalar(tensor, _TENSOR_VARIABLE, "b"), "a variable")
    _expect(tables.child(tensor, _TENSOR_SPARSITY) is None, "a sparse tensor")
    tables.span(tensor, _TENSOR_NAME)
    quantization = tables.child(tensor, _TENSOR_QUANTIZATION)
    scale = 0.0 if quantization is None else _check_quantization(quantization, kind, sides)
    return TensorForm(tuple(sides), scale, kind in _CODES, constant=size > 0 or items == 0)


def _check_quantization(quantization: tables.Table, kind: int, shape: Sequence[int]) -> float:
    """Check a quantization and return its first scale, 0 if there is none."""
    _expect(not tables.scalar(quantization, _DETAILS_TYPE, "B"), "a custom quantization")
    scales = _array(quantization, _SCALE, np.float32)
    zero_points = _array(quantization, _ZERO_POINT, np.int64)
    if not scales.size:
        return 0.0
    right = (scales >= _LEAST_SCALE) & (scales <= _LARGEST_SCALE)
    _expect(bool(right.all()), f"a scale of {scales[~right][:1].tolist()}")
    if scales.size > 1:
        axis = tables.scalar(quantization, _AXIS, "i")
        _expect(0 <= axis < len(shape), f"a quantization along dimension {axis}")
        _expect(scales.size == shape[axis], f"{scales.size} scales for {shape[axis]} channels")
    _expect(zero_points.size in (0, scales.size), f"{zero_points.size} zero points")
    low, high = _CODES.get(kind, (0, 0))
    inside = (zero_points >= low) & (zero_points <= high)
    _expect(bool(inside.all()), f"a zero point of {zero_points[~inside][:1].tolist()}")
    return float(scales[0])


def _check_operator(
    operator: tables.Table,
    names: Sequence[str],
    tensors: Sequence[TensorForm],
    known: list[bool],
) -> None:
    code = tables.scalar(operator, _OPERATOR_CODE, "I")
    _expect(code < len(names), f"an operator of code {code}")
    name = names[code]
    inputs, outputs = (_indices(operator, side) for side in (_OPERATOR_INPUTS, _OPERATOR_OUTPUTS))
    _expect(bool(inputs) and bool(outputs), f"{name} without inputs or outputs")
    # An NPU's operator may have any inputs (such as its working memory): its delegate checks them.
    bias = BIAS.get(name)
    given = [
        index
        for place, index in enumerate(inputs)
        if index != _LEFT_OUT or (name != CUSTOM and place != bias)
    ]
    _expect_in_range([*given, *outputs], len(known), f"inputs and outputs of {name}")
    _expect(not _indices(operator, _OPERATOR_INTERMEDIATES), f"{name} with tensors of its own")
    _expect(
        name == CUSTOM or all(known[k] for k in given),
        f"{name} has an input that no operator computes",
    )
    _expect(len(set(outputs)) == len(outputs), f"{name} has an output twice")
    _expect(not any(known[index] for index in outputs), f"{name} overwrites a tensor")
    for index in outputs:
        known[index] = True
    taken, made = ([tensors[index] for index in side] for side in (given, outputs))
    problem = check_options(operator, name)
    if problem is None and name != CUSTOM:
        problem = check_kernel(operator, name, taken, made)
    _expect(problem is None, f"{name} with {problem}")


def _expect_in_range(indices: Sequence[int], count: int, what: str) -> None:
    wrong = [index for index in indices if not 0 <= index < count]
    _expect(not wrong, f"{what}: tensor {wrong[:1]} of {count}")


def _indices(table: tables.Table, field: int) -> list[int]:
    return [int(index) for index in _array(table, field, np.int32)]


def _array(table: tables.Table, field: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    found = tables.array(table, field, dtype)
    return np.empty(0, dtype) if found is None else found
