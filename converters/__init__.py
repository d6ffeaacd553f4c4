"""From a Keras model to a verified .tflite file that carries its contract."""

from tfl_depth.converters.conversion import Conversion, convert, write_conversion
from tfl_depth.converters.representative import ImageSplit, find_images, split_images

__all__ = [
    "Conversion",
    "ImageSplit",
    "convert",
    "find_images",
    "split_images",
    "write_conversion",
]
