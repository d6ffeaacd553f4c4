"""Checks of the configuration in Keras files, before Keras reads it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfl_depth.errors import ConversionError


def refuse_code(path: Path, hint: str) -> None:
    """Refuse a file with a Lambda layer, whose code would run while it is loaded.

    Keras has a safe mode for this, but some of its .h5 readers ignore it.

    Args:
        path: a .keras or .h5 file.
        hint: what to do with such a network.

    Raises:
        ConversionError: it has one, or its configuration is damaged.
    """
    try:
        found = any(entry.get("class_name") == "Lambda" for entry in _objects(_read(path)))
    except (ValueError, TypeError, KeyError, OSError, RecursionError, zipfile.BadZipFile) as error:
        raise ConversionError(
            f"{path} has a damaged configuration, or was cut short: copy it again."
        ) from error
    if found:
        raise ConversionError(
            f"{path} has a Lambda layer. Its code is in the file and is not run. {hint}"
        )


def _read(path: Path) -> dict[str, Any]:
    config = json.loads(_text(path))
    if not isinstance(config, dict):
        raise TypeError(f"Expected a JSON object, got {type(config).__name__}.")
    return config


def _text(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive.read("config.json")
    import h5py

    with h5py.File(path, "r") as file:
        return file.attrs["model_config"]


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield all JSON objects of a configuration."""
    if isinstance(config, dict):
        yield config
    for value in config.values() if isinstance(config, dict) else config:
        if isinstance(value, dict | list):
            yield from _objects(value)
