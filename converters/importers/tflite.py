"""Import of float .tflite files, with checks and static shapes. All other importers use it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from tfl_depth.converters.graph import Graph, Tensor, read_graph, write_graph
from tfl_depth.converters.importers.base import Floats, ImportedNetwork, Size
from tfl_depth.converters.importers.kinds import TFLITE
from tfl_depth.converters.importers.static_shapes import input_shape, make_static
from tfl_depth.converters.importers.tflite_checks import checked_graph
from tfl_depth.errors import ConversionError
from tfl_depth.quiet import quiet


def import_tflite(content: bytes, name: str, size: Size | None) -> ImportedNetwork:
    """Import the bytes of a float .tflite.

    Raises:
        ConversionError: it is damaged, quantized, or takes no image of the size.
    """
    graph = settled(content, name, size)
    model = write_graph(graph)
    return ImportedNetwork(
        TFLITE.format, TFLITE.framework, model, tuple(graph.outputs), TfliteRunner(model)
    )


def settled(content: bytes, name: str, size: Size | None) -> Graph:
    """Read a float .tflite as a graph of static shapes, batch 1 and a float input.

    Raises:
        ConversionError: as `import_tflite`.
    """
    graph, declared = checked_graph(content, name)
    if len(declared) != 1:
        raise ConversionError(
            f"Expected {name} to have one input, an image; it has {len(declared)}: "
            f"{', '.join(graph.inputs)}."
        )
    make_static(graph, input_shape(declared[0], name, size), name)
    _make_input_float(graph, name)
    return graph


def _make_input_float(graph: Graph, name: str) -> None:
    """Make an integer input that is cast to float first a float input."""
    (first,) = graph.inputs.values()
    if first.dtype == np.float32:
        return
    casts = graph.consumers_of(first)
    if any(cast.kind != "CAST" or cast.output.dtype != np.float32 for cast in casts):
        raise ConversionError(
            f"Expected {name} to take float32 pixels, got {first.dtype}. Cast them at its start."
        )
    first.dtype = np.dtype(np.float32)
    for cast in casts:
        graph.redirect(cast.output, first)
        graph.operators.remove(cast)


def with_output_names(content: bytes, names: Sequence[str], places: Mapping[str, int]) -> bytes:
    """Rename and reorder a .tflite's outputs as in the source.

    Args:
        content: a .tflite.
        names: in the source's order.
        places: of each in the .tflite's list of outputs.
    """
    graph = read_graph(content)
    found = list(graph.outputs.values())
    graph.outputs = {name: found[places[name]] for name in names}
    return write_graph(graph)


class TfliteRunner:
    """Runs a .tflite with one input, with one thread for each processor."""

    def __init__(self, content: bytes) -> None:
        """Open a file.

        Args:
            content: a file that `write_graph` wrote.

        Raises:
            ConversionError: the interpreter refuses it.
        """
        graph = read_graph(content)
        (self._first,) = graph.inputs.values()
        places = {tensor: place for place, tensor in enumerate(graph.tensors())}
        self._outputs: list[Tensor] = list(graph.outputs.values())
        self._places = [places[tensor] for tensor in self._outputs]
        self._interpreter = _ready(content)

    @property
    def size(self) -> Size:
        """(height, width) of an image's input, in pixels."""
        return self._first.shape[1], self._first.shape[2]

    def __call__(self, value: Floats) -> list[Floats]:
        """Compute all outputs, in the signature's order.

        Args:
            value: of the input's shape.

        Raises:
            ValueError: it has another shape.
        """
        expect_shape(value, self._first.shape)
        place = self._interpreter.get_input_details()[0]["index"]
        self._interpreter.set_tensor(place, np.asarray(value, np.float32))
        self._interpreter.invoke()
        return [as_float(self._interpreter.get_tensor(place)) for place in self._places]


def _ready(content: bytes) -> Any:
    try:
        with quiet():  # it prints a line about its delegate
            interpreter = Interpreter(model_content=content, num_threads=os.cpu_count())
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise ConversionError(f"The interpreter cannot run the network: {reason}") from error
    return interpreter


def expect_shape(value: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    """Check the shape of an input.

    Raises:
        ValueError: the input has another shape.
    """
    if value.shape != shape:
        raise ValueError(f"Expected an input of shape {shape}, got {value.shape}.")


def as_float(value: npt.NDArray[Any]) -> Floats:
    """An output as float32, in memory of its own."""
    return np.array(value, np.float32)
