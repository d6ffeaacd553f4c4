"""Checks of a .tflite file in Python, before native code may read it."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfl_depth.converters.graph import Graph, read_graph
from tfl_depth.converters.graph.kernels import KERNEL_OPERATORS
from tfl_depth.converters.tflite_file import parse_tflite
from tfl_depth.errors import ConversionError

# Some 8 GiB of float32: more is damage, not a tensor.
_MOST_ELEMENTS = 1 << 31
_CONTROL_FLOW = {"IF", "WHILE", "CALL", "CALL_ONCE"}
_DAMAGE = (
    struct.error,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)


def checked_graph(content: bytes, name: str) -> tuple[Graph, list[tuple[int, ...]]]:
    """Read a float .tflite of untrusted bytes.

    Args:
        content: the file.
        name: of the file, for messages.

    Returns:
        Its graph, and the inputs' shapes with -1 for open sizes.

    Raises:
        ConversionError: it is damaged, quantized, or not one plain network.
    """
    if content[4:8] != b"TFL3":
        raise ConversionError(f"{name} is no .tflite file (no TFL3 in its header).")
    try:
        parsed = parse_tflite(content)
        _check_structure(parsed, name)
        graph = read_graph(content)
    except _DAMAGE as error:
        raise _damaged(name) from error
    _check_graph(graph, name)
    (subgraph,) = parsed.subgraphs
    return graph, [_open_shape(subgraph.tensors[int(place)]) for place in subgraph.inputs]


def _damaged(name: str) -> ConversionError:
    return ConversionError(f"{name} is a damaged .tflite file, or was cut short: copy it again.")


def _open_shape(tensor: Any) -> tuple[int, ...]:
    given = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    return tuple(int(size) for size in given)


def _check_structure(parsed: Any, name: str) -> None:
    if len(parsed.signatureDefs or ()) > 1:
        raise ConversionError(
            f"{name} has {len(parsed.signatureDefs)} signatures: export it with the one that "
            "computes depth."
        )
    if len(parsed.subgraphs) != 1:
        raise ConversionError(
            f"{name} has {len(parsed.subgraphs)} subgraphs: export one network without loops and "
            "conditions."
        )
    (subgraph,) = parsed.subgraphs
    count = len(subgraph.tensors)
    for operator in subgraph.operators:
        _check_places([operator.opcodeIndex], len(parsed.operatorCodes))
        _check_places(operator.inputs, count, lowest=-1)
        _check_places(operator.outputs, count)
    _check_places([*subgraph.inputs, *subgraph.outputs], count)
    for signature in parsed.signatureDefs or ():
        _check_places([entry.tensorIndex for entry in signature.inputs], count)
        _check_places([entry.tensorIndex for entry in signature.outputs], count)
    for tensor in subgraph.tensors:
        _check_tensor(tensor, parsed, name)


def _check_places(places: Sequence[int], count: int, lowest: int = 0) -> None:
    if any(not lowest <= int(place) < count for place in places):
        raise IndexError("A place lies outside its list.")


def _check_tensor(tensor: Any, parsed: Any, name: str) -> None:
    _check_places([tensor.buffer], len(parsed.buffers))
    shape = [] if tensor.shape is None else [int(size) for size in tensor.shape]
    if any(size < 0 for size in shape) or math.prod(shape) > _MOST_ELEMENTS:
        raise ValueError("A tensor has an impossible shape.")
    if tensor.sparsity is not None:
        raise ConversionError(f"{name} has sparse weights: export it with dense ones.")
    if tensor.externalBuffer or parsed.buffers[tensor.buffer].offset > 1:
        raise ConversionError(f"{name} has weights outside its flatbuffer: export it in one piece.")


def _check_graph(graph: Graph, name: str) -> None:
    if not graph.operators:
        raise ConversionError(f"{name} has no operators.")
    known = set(graph.inputs.values())
    for operator in graph.operators:
        if operator.kind in _CONTROL_FLOW:
            raise ConversionError(f"{name} has control flow ({operator.kind}): export it without.")
        inputs = {tensor for tensor in operator.inputs if tensor is not None}
        if not operator.outputs or any(not t.is_constant and t not in known for t in inputs):
            raise _damaged(name)
        known.update(operator.outputs)
    if not known.issuperset(graph.outputs.values()):
        raise _damaged(name)
    _refuse_quantized(graph, name)
    refuse_not_finite(graph, name)


def _refuse_quantized(graph: Graph, name: str) -> None:
    if any(tensor.quantization is not None for tensor in graph.tensors()):
        raise ConversionError(
            f"{name} is quantized already: give the float .tflite, or the network that it was made "
            "from. Ranges and weights cannot be chosen again in integers."
        )


def refuse_not_finite(graph: Graph, name: str) -> None:
    """Refuse NaN among the constants, and infinity among weights.

    Raises:
        ConversionError: there is one; the text names the tensor.
    """
    weights = {
        tensor
        for operator in graph.operators
        if operator.kind in KERNEL_OPERATORS
        for tensor in operator.inputs
    }
    for tensor in graph.tensors():
        if tensor.data is None or tensor.data.dtype.kind != "f":
            continue
        # -inf is the usual value behind masks and the padding of maxima.
        found = np.isnan(tensor.data).any() or (tensor in weights and np.isinf(tensor.data).any())
        if found:
            raise ConversionError(
                f"{name} has weights that are NaN or infinite, in {tensor.name}: the training "
                "diverged. Take an earlier checkpoint."
            )
