"""A network of any framework as a float .tflite, and a way to run its source."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.importers.kinds import TFLITE, Format, Framework, Kind, identify
from tfl_depth.errors import ConversionError

if TYPE_CHECKING:
    import keras

    Source: TypeAlias = "str | os.PathLike[str] | bytes | keras.Model"

Floats = npt.NDArray[np.float32]
Size = tuple[int, int]


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class ImportedNetwork:
    """A network as it came in.

    Attributes:
        format: of the source.
        framework: that runs the source.
        model: a float32 .tflite of static shapes and batch 1, whose signature has the outputs'
            names.
        output_names: of the signature, in the source's order.
        run: computes the outputs, in that order, in the source's own framework. It takes one input
            of the .tflite's shape, whatever the layout of the source, and gives outputs of the
            .tflite's shapes.
        close: ends the process that runs the source, where there is one. Without it the process
            ends with the program.
    """

    format: Format
    framework: Framework
    model: bytes
    output_names: tuple[str, ...]
    run: Callable[[Floats], list[Floats]]
    close: Callable[[], None] = _nothing


# The module of importers/ for each kind, by (format, framework) or by the framework alone.
_IMPORTERS: dict[Framework, str] = {
    "keras": "keras3",
    "keras2": "keras2",
    "tensorflow": "saved_model",
    "onnx": "onnx",
    "pytorch": "torch_export",
}


def import_network(source: Source, *, size: Size | None = None) -> ImportedNetwork:
    """Make a float .tflite of a network.

    Args:
        source: a file or folder, the bytes of a .tflite, or a Keras model.
        size: (height, width), where the network takes any.

    Raises:
        ConversionError: it is of no known format, damaged, or cannot be converted; a package or
            an environment that its importer needs is missing.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_tflite(bytes(source), "The model", size)
    if isinstance(source, str | os.PathLike):
        return _from_path(Path(source), size)
    module = import_module("tfl_depth.converters.importers.keras3")
    return cast(ImportedNetwork, module.import_model(source, size=size))


def _from_path(path: Path, size: Size | None) -> ImportedNetwork:
    kind = identify(path)
    if kind == TFLITE:
        return _from_tflite(path.read_bytes(), str(path), size)
    return _importer(kind)(path, kind, size)


def _from_tflite(content: bytes, name: str, size: Size | None) -> ImportedNetwork:
    module = import_module("tfl_depth.converters.importers.tflite")
    return cast(ImportedNetwork, module.import_tflite(content, name, size))


def _importer(kind: Kind) -> Callable[[Path, Kind, Size | None], ImportedNetwork]:
    module: Any = import_module(f"tfl_depth.converters.importers.{_IMPORTERS[kind.framework]}")
    return cast("Callable[[Path, Kind, Size | None], ImportedNetwork]", module.import_file)


def import_difference(imported: ImportedNetwork, inputs: Sequence[Floats]) -> float:
    """The largest difference between the .tflite and its source, over all outputs.

    Args:
        imported: the network.
        inputs: arrays of the network's input shape, with values that it is made for.

    Returns:
        In the outputs' own unit.

    Raises:
        ConversionError: the outputs have other shapes, or values that are not finite.
    """
    from tfl_depth.converters.importers.tflite import TfliteRunner

    runner = TfliteRunner(imported.model)
    return max(_difference(imported, runner(value), imported.run(value)) for value in inputs)


def _difference(
    imported: ImportedNetwork, given: Sequence[Floats], expected: Sequence[Floats]
) -> float:
    largest = 0.0
    for name, one, other in zip(imported.output_names, given, expected, strict=True):
        if one.shape != other.shape:
            raise ConversionError(
                f"Expected output {name} of shape {other.shape}, as in the source; the import "
                f"gives {one.shape}."
            )
        if not (np.isfinite(one).all() and np.isfinite(other).all()):
            raise ConversionError(
                f"Output {name} has values that are NaN or infinite: look for a division by 0 or "
                "the logarithm of 0 in the network, or for weights that diverged."
            )
        largest = max(largest, float(np.abs(one - other).max(initial=0.0)))
    return largest
