"""The tables of a .tflite file, read with flatbuffers alone: boards have no TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar

from flatbuffers import encode, number_types
from flatbuffers.table import Table

from tfl_depth.errors import ModelFileError

FILE_IDENTIFIER = b"TFL3"
Result = TypeVar("Result")


def read(model: bytes, look: Callable[[Table], Result]) -> Result:
    """Look at a .tflite file's root table.

    Args:
        model: the file's bytes.
        look: gets the root table, of the type `Model`. Field numbers are those in
            https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs

    Raises:
        ModelFileError: not a TensorFlow Lite file, or a damaged one.
    """
    if len(model) < 8 or model[4:8] != FILE_IDENTIFIER:
        raise ModelFileError("The file is not a TensorFlow Lite model (no TFL3 in its header).")
    try:
        return look(Table(model, encode.Get(number_types.UOffsetTFlags.packer_type, model, 0)))
    except (struct.error, IndexError, ValueError, TypeError) as error:
        raise ModelFileError("The file is damaged or cut short: copy it anew.") from error


def field(table: Table, number: int) -> int:
    """Offset of a field in its table, 0 where it is absent."""
    return int(table.Offset(4 + 2 * number))


def text(table: Table, number: int) -> str:
    """A string field, empty where it is absent."""
    offset = field(table, number)
    return table.String(table.Pos + offset).decode("utf-8", "replace") if offset else ""


def length(table: Table, number: int) -> int:
    """How many elements a vector field has, 0 where it is absent."""
    offset = field(table, number)
    return int(table.VectorLen(offset)) if offset else 0


def child(table: Table, number: int) -> Table | None:
    """The table in a field."""
    offset = field(table, number)
    return Table(table.Bytes, table.Indirect(table.Pos + offset)) if offset else None


def children(parent: Table, number: int) -> list[Table]:
    """The tables in a vector field."""
    offset = field(parent, number)
    if not offset:
        return []
    start, count = parent.Vector(offset), parent.VectorLen(offset)
    if start + 4 * count > len(parent.Bytes):
        raise IndexError("a vector runs past the end of the file")
    return [Table(parent.Bytes, parent.Indirect(start + 4 * k)) for k in range(count)]
