"""PyTorch programs of torch.export (.pt2): converted by litert-torch or by ONNX, run by torch."""

from __future__ import annotations

from pathlib import Path

from tfl_depth.converters.importers.base import ImportedNetwork, Size
from tfl_depth.converters.importers.child_process import ChildProcess
from tfl_depth.converters.importers.environments import ONNX, TORCH, python_of
from tfl_depth.converters.importers.foreign import converted, import_by_child
from tfl_depth.converters.importers.kinds import Kind


def import_file(path: Path, kind: Kind, size: Size | None) -> ImportedNetwork:
    """Import a file of this format.

    Raises:
        ConversionError: its environment is missing, or it cannot be converted.
    """
    return import_by_child(TORCH, path, kind, size, _by_onnx)


def _by_onnx(child: ChildProcess, path: Path, shape: tuple[int, ...]) -> bytes:
    """What litert-torch cannot convert, as transposed convolutions with output padding."""
    file = child.folder / "network.onnx"
    child.ask(
        "to_onnx", doing=f"export {path}", path=str(path), shape=list(shape), output=str(file)
    )
    other = ChildProcess(python_of(ONNX), ONNX.name)
    try:
        return converted(other, file, shape)
    finally:
        other.close()
