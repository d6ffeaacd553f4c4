"""PyTorch programs of torch.export (.pt2): converted by litert-torch, run by torch."""

from __future__ import annotations

from pathlib import Path

from tfl_depth.converters.importers.base import ImportedNetwork, Size
from tfl_depth.converters.importers.environments import TORCH
from tfl_depth.converters.importers.foreign import import_by_child
from tfl_depth.converters.importers.kinds import Kind


def import_file(path: Path, kind: Kind, size: Size | None) -> ImportedNetwork:
    """Import a file of this format.

    Raises:
        ConversionError: its environment is missing, or it cannot be converted.
    """
    return import_by_child(TORCH, path, kind, size)
