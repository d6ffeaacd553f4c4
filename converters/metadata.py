"""Metadata entries of a finished .tflite file, the contract above all."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from tfl_depth.contract import Contract
from tfl_depth.contract_place import BLANK_SHA256, METADATA_NAME, with_digest


def with_contract(model: bytes, contract: Contract) -> bytes:
    """Put a contract into a .tflite file, in place of one that is there and of its signature."""
    return with_digest(with_metadata(model, METADATA_NAME, contract.to_json(BLANK_SHA256)))


def with_metadata(model: bytes, name: str, content: bytes) -> bytes:
    """Put a metadata entry into a .tflite file, in place of one of its name."""
    edited = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    entry = _metadata_entry(edited, name)
    edited.buffers[entry.buffer].data = np.frombuffer(content, np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(edited))


def _metadata_entry(model: Any, name: str) -> Any:
    model.metadata = list(model.metadata or [])
    for entry in model.metadata:
        if entry.name in (name, name.encode()):
            return entry
    entry = schema.MetadataT()
    entry.name = name
    entry.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT())
    model.metadata.append(entry)
    return entry
