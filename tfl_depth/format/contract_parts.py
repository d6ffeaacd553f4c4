"""The parts of a contract, and how each is read from its JSON.

A wrong part raises a ValueError that names the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfl_depth.format.fields import Fields
from tfl_depth.intrinsics import Intrinsics

Precision = Literal["int8", "int16x8", "float32"]
# "split" has the outputs `integer` and `fractional`, "single" has the output `depth`.
HeadKind = Literal["split", "single"]
# How a frame is fitted to the input's aspect ratio (tfl_depth/runtime/fit.py).
Fit = Literal["stretch", "crop", "pad"]

MAX_COUNT = 2**53
MAX_GOLDEN_IMAGES = 100
MAX_ZOOMS = 100
# The largest focal length and the largest cx or cy (also outside of the image), in pixels.
MAX_PIXELS = 1e6


@dataclass(frozen=True)
class Normalization:
    """The network's first step, for pixels of 0 to 255: pixel * scale + offset.

    Attributes:
        scale, offset: of red, green and blue.
    """

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]


@dataclass(frozen=True)
class ZoomResponse:
    """How a network's depth depends on the focal length: the same photos at several zooms.

    Attributes:
        images: how many photos.
        zooms: magnifications, none of them 1.
        response: for each zoom z the median over photos of log(depth ratio) / log(1 / z). 1: depth
            is divided by the zoom, as the pinhole camera requires. 0: depth does not change.
        obeys: whether the responses are near 1 (tfl_depth/evaluation/zooms.py defines near).
    """

    images: int
    zooms: tuple[float, ...]
    response: tuple[float, ...]
    obeys: bool


@dataclass(frozen=True)
class TrainedCamera:
    """The camera that a network was trained for.

    Attributes:
        fx, fy, cx, cy: in pixels of the network's input, as in `Intrinsics`.
        zoom_response: None if it was not measured.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    zoom_response: ZoomResponse | None = None

    @property
    def intrinsics(self) -> Intrinsics:
        """The camera without the measurement."""
        return Intrinsics(self.fx, self.fy, self.cx, self.cy)

    @property
    def obeys(self) -> bool:
        """Whether a measurement showed that depth follows the focal length."""
        return self.zoom_response is not None and self.zoom_response.obeys


@dataclass(frozen=True)
class Source:
    """The network that was converted, and its framework.

    Attributes:
        format: of its file, such as "onnx".
        framework: the framework that runs it, with the version.
        import_difference_mm: the largest difference between the framework and the imported network
            on calibration photos.
    """

    format: str
    framework: str
    import_difference_mm: float


@dataclass(frozen=True)
class Calibration:
    """The images that the quantization ranges were measured on.

    Attributes:
        images: how many.
        sha256: over the sorted SHA-256 digests of the image files, one hexadecimal line each.
        seed: the random seed that chose the images.
    """

    images: int
    sha256: str
    seed: int


@dataclass(frozen=True)
class GoldenSpread:
    """How much correct kernels differ on the model's golden vectors (tfl_depth/format/golden.py).

    Attributes:
        images: how many golden vectors there are.
        median_mm, p95_mm, max_mm: of the absolute difference over all pixels between the reference
            kernels and other correct kernels: the largest of all pairs.
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


def trained_camera(fields: Fields) -> TrainedCamera:
    """Read a `TrainedCamera`."""
    focal = {name: fields.number(name, least=0) for name in ("fx", "fy")}
    center = {name: fields.number(name, least=-MAX_PIXELS) for name in ("cx", "cy")}
    for name, value in (focal | center).items():
        if value > MAX_PIXELS or (name in focal and value == 0):
            raise ValueError(f"expected {name} of the camera in pixels, got {value:g}")
    found = fields.object_or_none("zoom_response")
    return TrainedCamera(
        **focal, **center, zoom_response=None if found is None else _zoom_response(found)
    )


def _zoom_response(fields: Fields) -> ZoomResponse:
    zooms, response = (fields.numbers(name, MAX_ZOOMS) for name in ("zooms", "response"))
    if len(zooms) != len(response):
        raise ValueError(f"expected a response to each of {len(zooms)} zooms, got {len(response)}")
    return ZoomResponse(
        images=fields.whole("images", 1, MAX_COUNT),
        zooms=zooms,
        response=response,
        obeys=fields.truth("obeys"),
    )


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
