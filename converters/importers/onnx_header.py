"""Recognition of ONNX files without the onnx package."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from tfl_depth.errors import ConversionError

# Field numbers of onnx.ModelProto.
_IR_VERSION, _GRAPH, _OPSET = 1, 7, 8
_FIELDS = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}
_VARINT, _BYTES = 0, 2


def is_onnx(path: Path) -> bool:
    """Whether a file is an ONNX model: protobuf with a graph and an opset.

    Raises:
        ConversionError: it begins like one and was cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            found, whole = _fields(file, size)
        except ValueError:
            return False
    if not found or found[0] != _IR_VERSION:
        return False
    if not whole or not {_GRAPH, _OPSET} <= set(found):
        # A file that was cut inside its graph has the fields before the graph.
        if whole and _GRAPH not in found:
            return False
        raise ConversionError(f"{path} is a damaged ONNX file, or was cut short: copy it again.")
    return True


def _fields(file: BinaryIO, size: int) -> tuple[list[int], bool]:
    """Return the numbers of the top fields, and whether the last one ends within the file.

    Raises:
        ValueError: the bytes are not such a message.
    """
    found: list[int] = []
    while file.tell() < size:
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        if number not in _FIELDS or kind not in (_VARINT, _BYTES):
            raise ValueError(f"ModelProto has no field {number} of wire type {kind}.")
        found.append(number)
        length = _varint(file)
        if kind == _BYTES:
            file.seek(min(file.tell() + length, size + 1))  # a length may be longer than any file
    return found, file.tell() == size


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("The bytes end within a number.")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("A number has more than ten bytes.")
