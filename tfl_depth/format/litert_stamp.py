"""LiteRT's stamp in a file that one of its compiler plugins has written."""

from __future__ import annotations

from typing import NamedTuple

from tfl_depth.format.contract_place import find_metadata

# The metadata entry: two texts, each filled with zeros.
_NAME = "LiteRtStamp"


class LitertStamp(NamedTuple):
    """What a file is compiled for.

    Attributes:
        maker: of the chip, such as "Qualcomm"; empty without a stamp.
        chip: such as "SM8650"; empty without a stamp.
    """

    maker: str
    chip: str


def read_stamp(model: bytes) -> LitertStamp:
    """Read the stamp of a .tflite file.

    Raises:
        ModelFileError: not a TensorFlow Lite file, or a damaged one.
    """
    start, length = find_metadata(model, _NAME) or (0, 0)
    words = [each for each in model[start : start + length].split(b"\0") if each]
    if len(words) != 2:
        return LitertStamp("", "")
    maker, chip = (each.decode(errors="replace") for each in words)
    return LitertStamp(maker, chip)
