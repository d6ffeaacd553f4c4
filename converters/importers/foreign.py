"""Networks whose framework runs in a child process: ONNX, PyTorch, Keras 2."""

from __future__ import annotations

from collections.abc import Sequence
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


def import_by_child(
    environment: Environment, path: Path, kind: Kind, size: Size | None
) -> ImportedNetwork:
    """Import a file by a child process in an environment.

    Raises:
        ConversionError: the environment is missing, or the network cannot be converted.
    """
    python = python_of(environment)
    path = path.resolve()
    child = ChildProcess(python, environment.name)
    try:
        found = child.ask("describe", doing=f"read {path}", path=str(path))
        shape = input_shape(tuple(found["input_shape"]), str(path), size)
        content = _converted(child, path, shape)
    finally:
        child.close()  # its memory is needed elsewhere
    graph = settled(content, str(path), None)
    names = tuple(found["output_names"])
    graph.outputs = _named(graph, names)
    runner = SourceRunner(python, environment.name, path, shape, graph)
    return ImportedNetwork(
        kind.format, kind.framework, write_graph(graph), names, runner, runner.close
    )


def _converted(child: ChildProcess, path: Path, shape: tuple[int, ...]) -> bytes:
    file = child.folder / "model.tflite"
    child.ask(
        "convert", doing=f"convert {path}", path=str(path), shape=list(shape), output=str(file)
    )
    return file.read_bytes()


def _named(graph: Graph, names: Sequence[str]) -> dict[str, Tensor]:
    """The .tflite's outputs in the source's order: by name, else by place."""
    if set(names) == set(graph.outputs):
        return {name: graph.outputs[name] for name in names}
    if len(names) != len(graph.outputs):
        raise ConversionError(
            f"Expected the outputs {', '.join(names)} after the import, got "
            f"{', '.join(graph.outputs)}."
        )
    return dict(zip(names, graph.outputs.values(), strict=True))


class SourceRunner:
    """Runs the source in a child process, which starts with the first input."""

    def __init__(
        self, python: Path, module: str, path: Path, shape: tuple[int, ...], graph: Graph
    ) -> None:
        """Keep what is needed.

        Args:
            python: of the environment.
            module: in children/.
            path: the network's file.
            shape: of the source's input.
            graph: the imported network, whose shapes the user sees.
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
        """End the process, where there is one."""
        if self._child is not None:
            self._child.close()
            self._child = None


def relaid(value: Floats, shape: tuple[int, ...]) -> Floats:
    """The same image or feature map with channels first or last, as `shape` has them."""
    for axes in (_TO_CHANNELS_LAST, _TO_CHANNELS_FIRST):
        if value.shape != shape and value.ndim == len(shape) == 4:
            turned = tuple(value.shape[axis] for axis in axes)
            if turned == shape:
                return np.ascontiguousarray(value.transpose(axes))
    return value
