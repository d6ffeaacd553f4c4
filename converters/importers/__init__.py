"""The way in: a network of any framework as a float .tflite, and how to run its source."""

from tfl_depth.converters.importers.base import (
    ImportedNetwork,
    import_difference,
    import_network,
)
from tfl_depth.converters.importers.kinds import Kind, identify

__all__ = ["ImportedNetwork", "Kind", "identify", "import_difference", "import_network"]
