"""Load files of Keras 3, and say what to do where that fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tfl_depth.converters.importers.keras_config import refuse_code
from tfl_depth.errors import ConversionError
from tfl_depth.quiet import quiet

_OBJECT = "give the model object to tfl_depth.converters.convert()"
_EXPORT = f'export it with model.export("folder") and convert that folder, or {_OBJECT}'


def load(path: Path) -> Any:
    """Load a .keras or .h5 file, without running code that it brings.

    Raises:
        ConversionError: it is damaged, or holds classes or code that Keras does not know.
    """
    expect_packages()
    trusted = f"load it with keras.saving.load_model({path.name!r}, safe_mode=False)"
    refuse_code(path, f"If you trust it: {trusted}, and {_EXPORT}.")
    with quiet():
        import keras

        # Its classes become known to Keras.
        import tfl_depth.models
        import tfl_depth.training.optimizer  # noqa: F401
    try:
        with quiet():
            return keras.saving.load_model(path, compile=False)
    except Exception as error:
        # Damage may end in any exception: the file's content drives Keras' own constructors.
        raise ConversionError(_why(path, error)) from error


def expect_packages() -> None:
    """Refuse where Keras or TensorFlow is missing.

    Raises:
        ConversionError: it is.
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
    """The innermost of the messages that Keras wraps into each other, its first sentence."""
    parts = re.split(r"(?:Exception|Error) encountered(?: during deserialization)?: ", text)
    return first_line(parts[-1]).split(". ")[0].rstrip(".")[:300]


def first_line(text: str) -> str:
    """The first line of an error's text, without TensorFlow's names of its own operators."""
    text = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", text)
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
