"""The parts of a contract, and how each is read from its JSON.

What is wrong in a part is a ValueError that names the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfl_depth.format.fields import Fields

Precision = Literal["int8", "int16x8", "float32"]
# "split" has the outputs `integer` and `fractional`, "single" has the output `depth`.
HeadKind = Literal["split", "single"]

MAX_COUNT = 2**53
MAX_GOLDEN_IMAGES = 100


@dataclass(frozen=True)
class Normalization:
    """What the network does to a pixel of 0 to 255 first: pixel * scale + offset.

    Attributes:
        scale, offset: of red, green and blue.
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]


@dataclass(frozen=True)
class Source:
    """The network that was converted, in the framework that it came from.

    Attributes:
        format: of its file, as "onnx".
        framework: that computes it, with the version.
        import_difference_mm: the largest difference that its import made on calibration photos.
    """

    format: str
    framework: str
    import_difference_mm: float


@dataclass(frozen=True)
class Calibration:
    """What the quantization ranges were measured on.

    Attributes:
        images: how many.
        sha256: over the sorted SHA-256 digests of the image files, one hexadecimal line each.
        seed: that chose the images.
    """

    images: int
    sha256: str
    seed: int


@dataclass(frozen=True)
class GoldenSpread:
    """How far correct kernels lie apart on the model's golden vectors (tfl_depth/format/golden.py).

    Attributes:
        images: how many golden vectors there are.
        median_mm, p95_mm, max_mm: of the absolute difference over all pixels between the reference
            kernels and others that are correct too, the largest of any of these.
    """

    images: int
    median_mm: float
    p95_mm: float
    max_mm: float


def normalization(fields: Fields) -> Normalization:
    """Read a `Normalization`."""
    return Normalization(_of_colors(fields, "scale"), _of_colors(fields, "offset"))


def _of_colors(fields: Fields, name: str) -> tuple[float, float, float]:
    values = fields.numbers(name, 3)
    if len(values) != 3:
        raise ValueError(f"expected {name} of three colors, got {len(values)}")
    return values


def source(fields: Fields) -> Source:
    """Read a `Source`."""
    return Source(
        format=fields.text("format"),
        framework=fields.text("framework"),
        import_difference_mm=fields.number("import_difference_mm", least=0),
    )


def calibration(fields: Fields) -> Calibration:
    """Read a `Calibration`."""
    return Calibration(
        images=fields.whole("images", 0, MAX_COUNT),
        sha256=fields.digits("sha256", 64),
        seed=fields.whole("seed", -MAX_COUNT, MAX_COUNT),
    )


def golden_spread(fields: Fields) -> GoldenSpread:
    """Read a `GoldenSpread`."""
    return GoldenSpread(
        images=fields.whole("images", 1, MAX_GOLDEN_IMAGES),
        median_mm=fields.number("median_mm", least=0),
        p95_mm=fields.number("p95_mm", least=0),
        max_mm=fields.number("max_mm", least=0),
    )
