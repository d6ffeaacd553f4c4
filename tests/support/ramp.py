"""A network that says any depth on demand, and what the runtime's tests know of it.

For a pixel (R, G, B) it gives s * (127 R + G) meters. An image whose red is the row and whose
green is the column drives every depth from 0 to the maximum in steps of s, without leaving uint8.
numpy only: the tests that import this run without TensorFlow too.

The pixel is repeated to `FEATURES` channels, as many as a depth convolution usually has. What a
kernel adds to the error of the code depends on it: TensorFlow Lite's own kernels round twice, and
the first rounding is as coarse as the convolution's sums. With 3 channels a span of 0.5 m of 15 m
is 1,088 sums for 255 codes, and rounding twice costs up to an eighth of a code; with 24, 1/64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import Spans

SIDE = 256
FEATURES = 24
# It takes pixels as they are.
PIXEL_RANGE = (0.0, 255.0)
COARSE_FEATURES = 3
RED_WEIGHT = 127
# Of 127 R + G; a multiple of all span counts below, so that span edges are whole steps.
STEPS = (RED_WEIGHT + 1) * 255

SPANS = {
    "10m-1m": Spans.uniform(10),
    "10m-0.5m": Spans.uniform(10, 0.5),
    "15m-1m": Spans.uniform(15),
    "15m-0.5m": Spans.uniform(15, 0.5),
    "80m-growing": Spans((0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 80.0)),
}


@dataclass(frozen=True)
class Curve:
    """A network whose depth is no linear function of its last convolution, y.

    Attributes:
        y: of the first and of the last step.
        depth_m: meters of y.
        range_m: least and greatest depth that is coded.
        disparity: whether the network itself gives scaled disparity, of 0 to 1, in place of meters.
    """

    y: tuple[float, float]
    depth_m: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
    range_m: tuple[float, float]
    disparity: bool = False


def _sigmoid(y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-y)))


CURVES = {
    "sigmoid": Curve((-12, 12), lambda y: 10 * _sigmoid(y), (0, 10)),
    "disparity": Curve(
        (-18, 10), lambda y: 1 / (1 / 80 + (5 - 1 / 80) * _sigmoid(y)), (0.2, 80), True
    ),
    "reciprocal": Curve((0.09, 11), lambda y: 1 / y, (0, 10)),
    "exp": Curve((-3, 5), np.exp, (0, 100)),
}
# The one range that is converted with every head and to every precision.
COMMON = "10m-1m"
# The one that is converted with `COARSE_FEATURES` as well.
COARSE = "15m-0.5m"


def file_name(spans: str, head: str = "split", precision: str = "int8") -> str:
    """What the ramp's model is called, for one of `SPANS`."""
    return f"ramp-{spans}-{head}-{precision}.tflite"


def curve_file_name(curve: str, weights: str) -> str:
    """What the model of one of `CURVES` is called, with weights "per-channel" or "per-tensor"."""
    return f"ramp-{curve}-{weights}.tflite"


def coarse_file_name() -> str:
    """What the model with few features is called."""
    return f"ramp-{COARSE}-coarse.tflite"


def step_m(spans: Spans) -> float:
    """Meters of depth between two neighboring values of 127 R + G."""
    return spans.max_depth_m / STEPS


def image() -> npt.NDArray[np.uint8]:
    """RGB pixels (256, 256, 3): red is the row, green the column."""
    row, column = np.mgrid[:SIDE, :SIDE]
    return np.stack([row, column, np.zeros_like(row)], axis=-1).astype(np.uint8)


def middle() -> npt.NDArray[np.uint8]:
    """The middle half of the depths as a picture (256, 256, 3), with a black and a white pixel.

    For calibration where the outer halves are the ends of a curve, which no photo is full of.
    """
    pixels = image()
    pixels[..., 0] = SIDE // 4 + pixels[..., 0] // 2
    pixels[0, 0], pixels[-1, -1] = 0, 255
    return pixels


def depth_m(spans: Spans) -> npt.NDArray[np.float64]:
    """Meters (256, 256) that the network gives for `image`."""
    red, green, _ = np.moveaxis(image().astype(np.int64), -1, 0)
    return np.asarray((RED_WEIGHT * red + green) * step_m(spans))


def curve_depth_m(curve: Curve) -> npt.NDArray[np.float64]:
    """Meters (256, 256) that the network of a curve gives for `image`, within its range."""
    red, green, _ = np.moveaxis(image().astype(np.int64), -1, 0)
    low, high = curve.y
    y = low + (RED_WEIGHT * red + green) * (high - low) / STEPS
    return np.clip(curve.depth_m(y), *curve.range_m)


def span(spans: Spans) -> npt.NDArray[np.int64]:
    """The number (256, 256) of the span that each of these depths lies in."""
    n = np.searchsorted(spans.edges_m, depth_m(spans), side="right") - 1
    return np.minimum(n, spans.count - 1)
