"""Loading of Keras 3 files, with errors that explain what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tfl_depth.converters.importers.keras_config import refuse_code
from tfl_depth.errors import ConversionError
from tfl_depth.quiet import quiet

_OBJECT = "pass the model object to tfl_depth.converters.convert()"
_EXPORT = f'export it with model.export("folder") and convert that folder, or {_OBJECT}'


def load(path: Path) -> Any:
    """Load a .keras or .h5 file, without running code in it.

    Raises:
        ConversionError: it is damaged, or contains code or unknown classes.
    """
    expect_packages()
    trusted = f"load it with keras.saving.load_model({path.name!r}, safe_mode=False)"
    refuse_code(path, f"If you trust it: {trusted}, and {_EXPORT}.")
    with quiet():
        import keras

        # Registers its classes with Keras.
        import tfl_depth.models
        import tfl_depth.training.optimizer  # noqa: F401
    try:
        with quiet():
            return keras.saving.load_model(path, compile=False)
    except Exception as error:
        # A damaged file can raise anything, since its content calls Keras' constructors.
        raise ConversionError(_why(path, error)) from error


def expect_packages() -> None:
    """Check that Keras and TensorFlow are installed.

    Raises:
        ConversionError: one of them is missing.
    """
    from importlib.util import find_spec

    missing = [package for package in ("tensorflow", "keras") if find_spec(package) is None]
    if missing:
        raise ConversionError(
            f"Keras models and SavedModels need {' and '.join(missing)}: pip install "
            "'tfl-depth[keras]'. A float .tflite that was made elsewhere needs neither."
        )


def _why(path: Path, error: Exception) -> str:
    text = str(error)
    unknown = re.search(r"(?:Could not locate|Unknown) \w+:? '?([\w>.]+)", text)
    if unknown is not None:
        return (
            f"{path} has a class that Keras does not know, {unknown[1]}. In the program that "
            f"defines it: {_EXPORT}."
        )
    return f"Cannot load {path} as a Keras model: {_cause(text) or type(error).__name__}."


def _cause(text: str) -> str:
    """Return the first sentence of the innermost of Keras' nested messages."""
    parts = re.split(r"(?:Exception|Error) encountered(?: during deserialization)?: ", text)
    return first_line(parts[-1]).split(". ")[0].rstrip(".")[:300]


def first_line(text: str) -> str:
    """Return the first line of an error, without TensorFlow's own operator names."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", text)
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
