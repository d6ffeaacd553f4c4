"""Metadata entries of a .tflite file, such as the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.tflite_file import parse_tflite, serialize_tflite, text_of
from tfl_depth.format.contract import Contract
from tfl_depth.format.contract_place import BLANK_SHA256, METADATA_NAME, with_digest


def with_contract(model: bytes, contract: Contract) -> bytes:
    """Put a contract into a .tflite file. It replaces an old contract and its signature."""
    return with_digest(with_metadata(model, METADATA_NAME, contract.to_json(BLANK_SHA256)))


def with_metadata(model: bytes, name: str, content: bytes) -> bytes:
    """Put a metadata entry into a .tflite file. It replaces an entry of the same name."""
    edited = parse_tflite(model)
    entry = _metadata_entry(edited, name)
    edited.buffers[entry.buffer].data = np.frombuffer(content, np.uint8)
    return serialize_tflite(edited)


def _metadata_entry(model: Any, name: str) -> Any:
    model.metadata = list(model.metadata or [])
    for entry in model.metadata:
        if text_of(entry.name) == name:
            return entry
    entry = schema.MetadataT()
    entry.name = name
    entry.buffer = len(model.buffers)
    model.buffers.append(schema.BufferT())
    model.metadata.append(entry)
    return entry
