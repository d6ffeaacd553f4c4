"""Load saved networks of users and of the zoo."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import keras

from tfl_depth.errors import ConversionError
from tfl_depth.zoo_folder import where_the_zoo_is


def load_model(path: str | os.PathLike[str]) -> keras.Model:
    """Load a .keras file.

    Raises:
        ConversionError: it is missing, or cannot be loaded as a Keras model.
    """
    path = Path(path)
    if not path.is_file():
        raise ConversionError(f"There is no model {path}.{where_the_zoo_is(path)}")
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise ConversionError(f"{path} is not a .keras file, or is incomplete: copy it again.")
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        reason = str(error).split(". ")[0]
        raise ConversionError(f"Cannot load {path} as a Keras model: {reason}.") from error
