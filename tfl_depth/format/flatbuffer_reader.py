"""A reader of the tables of a .tflite file that checks all bounds. It needs no TensorFlow.

A malicious file may have any offset, and many entries may share one long string. So the reader
checks every offset, copies only short texts, and limits the length of lists. The time to read a
file is at most proportional to its size.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ModelFileError

FILE_IDENTIFIER = b"TFL3"
# Limits: bytes of a text, and items of a list of tables.
MAX_TEXT = 4096
MAX_TABLES = 1 << 17
Result = TypeVar("Result")
_OFFSET = struct.Struct("<I")
_SIGNED_OFFSET = struct.Struct("<i")
_SIZES = struct.Struct("<HH")


class Table:
    """A table of a flatbuffer. Its position and its list of fields are inside the file.

    Attributes:
        data: the whole file.
        position: of the table, in bytes.

    Raises:
        IndexError: on creation, if it is outside of the file.
    """

    __slots__ = ("_fields", "_size", "data", "position")

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position
        fields_at = position - _unpack(_SIGNED_OFFSET, data, position)
        fields_size, self._size = _unpack_pair(data, fields_at)
        if fields_size < 4 or fields_size % 2 or self._size < 4:
            raise IndexError("a table has no room for its own header")
        _expect_inside(data, fields_at, fields_size)
        _expect_inside(data, position, self._size)
        count = fields_size // 2 - 2
        self._fields = struct.unpack_from(f"<{count}H", data, fields_at + 4)

    def place(self, number: int, size: int) -> int | None:
        """The position of the `size` bytes of a field; None if the field is absent."""
        offset = self._fields[number] if number < len(self._fields) else 0
        if offset == 0:
            return None
        if offset < 4 or offset + size > self._size:
            raise IndexError("a field is outside of its table")
        return self.position + offset


def _unpack(kind: struct.Struct, data: bytes, position: int) -> int:
    _expect_inside(data, position, kind.size)
    return int(kind.unpack_from(data, position)[0])


def _unpack_pair(data: bytes, position: int) -> tuple[int, int]:
    _expect_inside(data, position, _SIZES.size)
    one, other = _SIZES.unpack_from(data, position)
    return one, other


def _expect_inside(data: bytes, position: int, size: int) -> None:
    # A negative index counts from the end in Python, but not in native code.
    if position < 0 or position + size > len(data):
        raise IndexError("an offset is outside of the file")


def read(model: bytes, look: Callable[[Table], Result]) -> Result:
    """Call a function with a .tflite file's root table.

    Args:
        model: the file's bytes.
        look: the function. It gets the root table, of the type `Model`. Field numbers are those in
            https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs

    Raises:
        ModelFileError: not a TensorFlow Lite file, or a damaged one.
    """
    if len(model) < 8 or model[4:8] != FILE_IDENTIFIER:
        raise ModelFileError("The file is not a TensorFlow Lite model (no TFL3 in its header).")
    try:
        return look(Table(model, _unpack(_OFFSET, model, 0)))
    except (struct.error, IndexError, ValueError, TypeError) as error:
        raise ModelFileError("The file is damaged or incomplete: copy it again.") from error


def scalar(table: Table, number: int, kind: str, default: Any = 0) -> Any:
    """A number in a field, `default` if it is absent.

    Args:
        table: that has the field.
        number: of the field.
        kind: the type in the notation of `struct`: "b", "i", "I", ...
        default: the schema's default.
    """
    place = table.place(number, struct.calcsize(kind))
    return default if place is None else struct.unpack_from(f"<{kind}", table.data, place)[0]


def span(table: Table, number: int, size: int = 1) -> tuple[int, int] | None:
    """The position of a vector field's content: its offset in the file, and its length.

    Args:
        table: that has the field.
        number: of the field.
        size: bytes of an item.

    Returns:
        Offset in bytes and length in items; None if the field is absent.
    """
    place = table.place(number, 4)
    if place is None:
        return None
    start = place + _unpack(_OFFSET, table.data, place)
    length = _unpack(_OFFSET, table.data, start)
    _expect_inside(table.data, start + 4, size * length)
    return start + 4, length


def array(table: Table, number: int, dtype: npt.DTypeLike) -> npt.NDArray[Any] | None:
    """The numbers of a vector field, without a copy; None if it is absent."""
    kind = np.dtype(dtype).newbyteorder("<")
    found = span(table, number, kind.itemsize)
    return None if found is None else np.frombuffer(table.data, kind, found[1], found[0])


def text(table: Table, number: int) -> str:
    """A short string field, empty if it is absent."""
    start, length = span(table, number) or (0, 0)
    if length > MAX_TEXT:
        raise ValueError("a name is too long")
    return table.data[start : start + length].decode("utf-8", "replace")


def has_text(table: Table, number: int, expected: str) -> bool:
    """Whether a string field equals this text; a longer one is not copied."""
    start, length = span(table, number) or (0, 0)
    content = expected.encode()
    return length == len(content) and table.data[start : start + length] == content


def length(table: Table, number: int) -> int:
    """The length of a vector field, 0 if it is absent."""
    found = span(table, number)
    return 0 if found is None else found[1]


def child(table: Table, number: int) -> Table | None:
    """The table in a field."""
    place = table.place(number, 4)
    if place is None:
        return None
    return Table(table.data, place + _unpack(_OFFSET, table.data, place))


def children(parent: Table, number: int) -> Iterator[Table]:
    """The tables in a vector field, one after the other."""
    found = span(parent, number, 4)
    if found is None:
        return
    start, count = found
    if count > MAX_TABLES:
        raise ValueError("a list is too long")
    for place in range(start, start + 4 * count, 4):
        yield Table(parent.data, place + _unpack(_OFFSET, parent.data, place))


def child_at(parent: Table, number: int, index: int) -> Table:
    """One of the tables in a vector field."""
    start, count = span(parent, number, 4) or (0, 0)
    if not 0 <= index < count:
        raise IndexError("an index is outside of its list")
    place = start + 4 * index
    return Table(parent.data, place + _unpack(_OFFSET, parent.data, place))
