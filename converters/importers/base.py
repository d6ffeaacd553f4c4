"""The import of a network of any framework as a float .tflite."""

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
    """An imported network.

    Attributes:
        format: of the source.
        framework: that runs the source.
        model: a float32 .tflite of static shapes and batch 1, whose signature has the outputs'
            names.
        output_names: of the signature, in the source's order.
        run: computes the outputs, in that order, in the source's framework. Input and outputs have
            the .tflite's shapes.
        close: ends the process that runs the source, if there is one. Otherwise it ends with the
            program.
    """

    format: Format
    framework: Framework
    model: bytes
    output_names: tuple[str, ...]
    run: Callable[[Floats], list[Floats]]
    close: Callable[[], None] = _nothing


# The module of importers/ for each framework.
_IMPORTERS: dict[Framework, str] = {
    "keras": "keras3",
    "keras2": "keras2",
    "tensorflow": "saved_model",
    "onnx": "onnx",
    "pytorch": "torch_export",
}


def import_network(source: Source, *, size: Size | None = None) -> ImportedNetwork:
    """Convert a network to a float .tflite.

    Args:
        source: a file or folder, the bytes of a .tflite, or a Keras model.
        size: (height, width), if the network accepts any size.

    Raises:
        ConversionError: the format is unknown, the file is damaged or cannot be converted, or a
            required package or environment is missing.
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
    """Return the largest difference between the .tflite and its source, over all outputs.

    Args:
        imported: the network.
        inputs: arrays of the network's input shape, with realistic values.

    Returns:
        The difference in the outputs' unit.

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
                f"Output {name} has values that are NaN or infinite. The network may divide by 0 "
                "or compute the logarithm of 0, or its weights may have diverged."
            )
        largest = max(largest, float(np.abs(one - other).max(initial=0.0)))
    return largest
