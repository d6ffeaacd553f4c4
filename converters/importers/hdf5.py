"""Networks in HDF5 files: .h5 of Keras 3 and of Keras 2."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Literal

from tfl_depth.errors import ConversionError

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def framework(path: Path) -> Literal["keras", "keras2"]:
    """Name the Keras that wrote a file: "keras" or "keras2".

    Raises:
        ConversionError: it is damaged, holds weights only, or h5py is missing.
    """
    if importlib.util.find_spec("h5py") is None:
        raise ConversionError(
            f"{path} is an HDF5 file, which needs Keras: pip install 'tfl-depth[keras]'."
        )
    import h5py

    try:
        with h5py.File(path, "r") as file:
            attributes = {name: file.attrs[name] for name in file.attrs}
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise ConversionError(
            f"{path} is a damaged HDF5 file, or was cut short: copy it again."
        ) from error
    if "model_config" not in attributes:
        raise ConversionError(
            f"{path} holds weights without a network: load them into the model in Python, and "
            'save all of it with model.save("model.keras").'
        )
    # Before 2.0 Keras wrote no version, and layers as Keras 2 does.
    version = _text(attributes.get("keras_version", "2"))
    return "keras" if version.startswith("3") else "keras2"


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
