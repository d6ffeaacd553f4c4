"""A .tflite file as a tree of the schema's objects, and back."""

from __future__ import annotations

from typing import Any

from ai_edge_litert.tools import flatbuffer_utils


def parse_tflite(content: bytes) -> Any:
    """Parse a .tflite file into the schema's objects (`ModelT` and so on).

    A damaged file raises errors of many classes, some of them only when the tree is read. The
    caller knows what to do about the file, so it converts them.
    """
    return flatbuffer_utils.convert_bytearray_to_object(bytearray(content))


def serialize_tflite(tree: Any) -> bytes:
    """Write the schema's objects as the bytes of a .tflite file."""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(tree))


def text_of(name: Any) -> str:
    """Return a name of the tree, which holds bytes, text or None, as text."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or "")
