"""Importers: they convert a network of any framework to a float .tflite, and run its source."""

from tfl_depth.converters.importers.base import (
    ImportedNetwork,
    import_difference,
    import_network,
)
from tfl_depth.converters.importers.kinds import Kind, identify

__all__ = ["ImportedNetwork", "Kind", "identify", "import_difference", "import_network"]
