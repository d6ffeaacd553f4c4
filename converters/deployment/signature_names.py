"""The signature of a model in what a compiler made of it: the names of its inputs and outputs.

The runtime finds tensors by these names. A compiler may drop the signature, or change the order of
the outputs; the tensors themselves keep their names.
"""

from __future__ import annotations

import copy
from typing import Any

from tfl_depth.converters.tflite_facts import TensorSpec, parsed, read_facts
from tfl_depth.converters.tflite_file import parse_tflite, serialize_tflite, text_of
from tfl_depth.errors import ConversionError


def with_signature_of(model: bytes, compiled: bytes) -> bytes:
    """A compiled file with the model's signature.

    Args:
        model: the .tflite file that was compiled.
        compiled: what the compiler made of it.

    Raises:
        ConversionError: it has no tensor of a name, or one of another shape or type.
        ModelFileError: it is no .tflite file.
    """
    made = parsed(compiled, lambda read: read)
    if not made.signatureDefs:
        source = parse_tflite(model)
        made.signatureDefs = copy.deepcopy(source.signatureDefs)
        for side in ("inputs", "outputs"):
            for entry in getattr(made.signatureDefs[0], side):
                name = text_of(source.subgraphs[0].tensors[entry.tensorIndex].name)
                entry.tensorIndex = _index(made, side, name)
        compiled = serialize_tflite(made)
    _expect_same(_ends(model), _ends(compiled))
    return compiled


def _index(made: Any, side: str, name: str) -> int:
    """Where a tensor of the inputs or the outputs is."""
    graph = made.subgraphs[0]
    for index in getattr(graph, side):
        if text_of(graph.tensors[index].name) == name:
            return int(index)
    raise ConversionError(
        f"The compiler dropped the signature, and none of the {side} is called {name}: take the "
        "version of the compiler that the board's image names."
    )


def _ends(model: bytes) -> dict[str, TensorSpec]:
    graph = read_facts(model)
    return {each.name: each for each in (*graph.inputs, *graph.outputs)}


def _expect_same(before: dict[str, TensorSpec], after: dict[str, TensorSpec]) -> None:
    if after == before:
        return
    expected, got = (
        ", ".join(f"{name} {each.dtype} {each.shape}" for name, each in ends.items())
        for ends in (before, after)
    )
    raise ConversionError(
        f"Expected the compiler to keep {expected}, got {got}: take the version of the compiler "
        "that the board's image names."
    )
