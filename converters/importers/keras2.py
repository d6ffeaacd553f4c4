"""Files of Keras 2 (.h5, .keras): converted and run by tf-keras."""

from __future__ import annotations

from pathlib import Path

from tfl_depth.converters.importers.base import ImportedNetwork, Size
from tfl_depth.converters.importers.environments import KERAS2
from tfl_depth.converters.importers.foreign import import_by_child
from tfl_depth.converters.importers.keras_config import refuse_code
from tfl_depth.converters.importers.kinds import Kind

_HINT = (
    'If you trust it: load it with Keras 2, save it with model.save("folder", '
    'save_format="tf"), and convert that folder.'
)


def import_file(path: Path, kind: Kind, size: Size | None) -> ImportedNetwork:
    """Import a file of this format.

    Raises:
        ConversionError: its environment is missing, or it cannot be converted.
    """
    refuse_code(path, _HINT)
    return import_by_child(KERAS2, path, kind, size)
