"""Conversion of a trained network of any framework to a verified .tflite file with a contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfl_depth.lazy_names import lazy_names

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


__getattr__ = lazy_names(__name__, _MODULES)
