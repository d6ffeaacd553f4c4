"""Networks whose framework runs in a child process: ONNX, PyTorch, Keras 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfl_depth.converters.graph import Graph, Tensor, write_graph
from tfl_depth.converters.importers.base import Floats, ImportedNetwork, Size
from tfl_depth.converters.importers.child_process import ChildProcess
from tfl_depth.converters.importers.environments import Environment, python_of
from tfl_depth.converters.importers.kinds import Kind
from tfl_depth.converters.importers.static_shapes import input_shape
from tfl_depth.converters.importers.tflite import expect_shape, settled
from tfl_depth.errors import ConversionError

_TO_CHANNELS_LAST = (0, 2, 3, 1)
_TO_CHANNELS_FIRST = (0, 3, 1, 2)


# Converts a file with an input shape to a .tflite, if the first converter failed.
SecondWay = Callable[[ChildProcess, Path, tuple[int, ...]], bytes]


def import_by_child(
    environment: Environment,
    path: Path,
    kind: Kind,
    size: Size | None,
    second_way: SecondWay | None = None,
) -> ImportedNetwork:
    """Import a file by a child process in an environment.

    Args:
        environment: with the framework and its converter.
        path: the network.
        kind: its format.
        size: (height, width), where the network takes any.
        second_way: another converter, for networks that the first one cannot convert.

    Raises:
        ConversionError: the environment is missing, or the network cannot be converted.
    """
    python = python_of(environment)
    path = path.resolve()
    child = ChildProcess(python, environment.name)
    try:
        found = child.ask("describe", doing=f"read {path}", path=str(path))
        shape = input_shape(tuple(found["input_shape"]), str(path), size)
        content = _converted(child, path, shape, second_way)
    finally:
        child.close()  # frees the memory of its framework
    graph = settled(content, str(path), None)
    names = tuple(found["output_names"])
    graph.outputs = _named(graph, names)
    runner = SourceRunner(python, environment.name, path, shape, graph)
    return ImportedNetwork(
        kind.format, kind.framework, write_graph(graph), names, runner, runner.close
    )


def _converted(
    child: ChildProcess, path: Path, shape: tuple[int, ...], second_way: SecondWay | None
) -> bytes:
    try:
        return converted(child, path, shape)
    except ConversionError as error:
        if second_way is None:
            raise
        try:
            return second_way(child, path, shape)
        except ConversionError as other:
            raise ConversionError(f"{error} The second converter: {other}") from other


def converted(child: ChildProcess, path: Path, shape: tuple[int, ...]) -> bytes:
    """Convert a file to a .tflite for one input shape, in a child.

    Raises:
        ConversionError: its converter cannot.
    """
    file = child.folder / "model.tflite"
    child.ask(
        "convert", doing=f"convert {path}", path=str(path), shape=list(shape), output=str(file)
    )
    return file.read_bytes()


def _named(graph: Graph, names: Sequence[str]) -> dict[str, Tensor]:
    """Return the .tflite's outputs in the source's order: by name, or else by position."""
    if set(names) == set(graph.outputs):
        return {name: graph.outputs[name] for name in names}
    if len(names) != len(graph.outputs):
        raise ConversionError(
            f"Expected the outputs {', '.join(names)} after the import, got "
            f"{', '.join(graph.outputs)}."
        )
    return dict(zip(names, graph.outputs.values(), strict=True))


class SourceRunner:
    """Runs the source in a child process, which starts at the first input."""

    def __init__(
        self, python: Path, module: str, path: Path, shape: tuple[int, ...], graph: Graph
    ) -> None:
        """Store the arguments for the child.

        Args:
            python: of the environment.
            module: in children/.
            path: the network's file.
            shape: of the source's input.
            graph: the imported network, whose shapes are used.
        """
        self._python, self._module, self._path, self._source_shape = python, module, path, shape
        self._shape = next(iter(graph.inputs.values())).shape
        self._output_shapes = [tensor.shape for tensor in graph.outputs.values()]
        self._child: ChildProcess | None = None

    def __call__(self, value: Floats) -> list[Floats]:
        """Compute all outputs of an input of the .tflite's shape."""
        expect_shape(value, self._shape)
        if self._child is None:
            self._child = ChildProcess(self._python, self._module)
        given, outputs = self._child.folder / "input.npy", self._child.folder / "outputs.npz"
        np.save(given, relaid(value, self._source_shape))
        self._child.ask(
            "run",
            doing=f"run {self._path}",
            path=str(self._path),
            value=str(given),
            outputs=str(outputs),
        )
        with np.load(outputs) as found:
            return [
                relaid(found[f"arr_{place}"], shape)
                for place, shape in enumerate(self._output_shapes)
            ]

    def close(self) -> None:
        """End the process, if there is one."""
        if self._child is not None:
            self._child.close()
            self._child = None


def relaid(value: Floats, shape: tuple[int, ...]) -> Floats:
    """Move the channels of an image or feature map first or last, as in `shape`."""
    for axes in (_TO_CHANNELS_LAST, _TO_CHANNELS_FIRST):
        if value.shape != shape and value.ndim == len(shape) == 4:
            turned = tuple(value.shape[axis] for axis in axes)
            if turned == shape:
                return np.ascontiguousarray(value.transpose(axes))
    return value
