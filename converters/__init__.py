"""Conversion of a trained network of any framework to a verified .tflite file with a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfl_depth.converters.conversion import Conversion
    from tfl_depth.converters.converting import convert
    from tfl_depth.converters.metadata import with_contract
    from tfl_depth.converters.representative import ImageSplit, find_images, split_images

__all__ = [
    "Conversion",
    "ImageSplit",
    "convert",
    "find_images",
    "split_images",
    "with_contract",
]

_MODULES = {
    "Conversion": "conversion",
    "convert": "converting",
    "ImageSplit": "representative",
    "find_images": "representative",
    "split_images": "representative",
    "with_contract": "metadata",
}


def __getattr__(name: str) -> Any:
    """Import the module of a name when the name is used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
