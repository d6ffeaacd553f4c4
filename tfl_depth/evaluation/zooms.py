"""Measure whether a network's depth depends on the focal length, with photos at several zooms.

A picture magnified by z is the picture of a pinhole camera with z times the focal length. A
network obeys this camera if its depth is then divided by z, as with the canonical camera of
Metric3D (W. Yin et al., ICCV 2023). The response is log(depth ratio) / log(1 / z): 1 for such a
network, 0 for a network whose depth does not change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.data.datasets import Dataset
from tfl_depth.data.samples import Sample
from tfl_depth.evaluation.evaluate import Predictor, evaluate
from tfl_depth.format.contract_parts import ZoomResponse
from tfl_depth.runtime.fit import PAD_PIXEL
from tfl_depth.runtime.preprocess import Pixels, resize_pixels

__all__ = [
    "ZOOMS",
    "ZoomRow",
    "ZoomScores",
    "ZoomTable",
    "central",
    "evaluate_zooms",
    "measure_zooms",
    "zoom_scores",
    "zoom_table",
    "zoomed",
]

# (H, W, 3) uint8 RGB -> (h, w) depth, in any unit.
Depth = Callable[[Pixels], npt.NDArray[Any]]
# (H, W, ...) values and a size (height, width) -> the same values at that size.
Resize = Callable[[npt.NDArray[Any], tuple[int, int]], npt.NDArray[Any]]
ZOOMS = (0.7, 1.4)
# Depth is corrected by default if the responses differ from 1 by at most this.
OBEYS_WITHIN = 0.15
# The median over fewer photos is not reliable.
FEWEST_PHOTOS = 8


def zoomed(rgb: Pixels, zoom: float) -> Pixels:
    """Return the photo (H, W, 3) that a camera with `zoom` times the focal length would take.

    Below 1 the photo is smaller, inside a border of gray, as `fit="pad"` shows it.
    """
    return _magnified(rgb, zoom, resize_pixels, PAD_PIXEL)


def _magnified(
    values: npt.NDArray[Any], zoom: float, resize: Resize, border: float
) -> npt.NDArray[Any]:
    """Magnify (H, W, ...) values around their middle; below 1 they are inside a border."""
    height, width = values.shape[:2]
    if zoom >= 1:
        return resize(np.ascontiguousarray(central(values, 1 / zoom)), (height, width))
    small = resize(values, (max(1, round(height * zoom)), max(1, round(width * zoom))))
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    shown = np.full_like(values, border)
    shown[top : top + small.shape[0], left : left + small.shape[1]] = small
    return shown


def _nearest(values: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    return cv2.resize(values, size[::-1], interpolation=cv2.INTER_NEAREST)


def central(values: npt.NDArray[Any], share: float) -> npt.NDArray[Any]:
    """The middle of (H, W, ...) values: `share`, up to 1, of each side."""
    height, width = (max(1, round(side * share)) for side in values.shape[:2])
    top, left = (values.shape[0] - height) // 2, (values.shape[1] - width) // 2
    return values[top : top + height, left : left + width]


def measure_zooms(
    depth: Depth, photos: Iterable[Pixels], zooms: Sequence[float] = ZOOMS
) -> ZoomResponse:
    """Measure the response of a network to zooms.

    Args:
        depth: the network.
        photos: (H, W, 3) uint8 RGB.
        zooms: magnifications. A zoom of 1 is skipped.

    Returns:
        The median response over photos for each zoom. The network obeys if all responses are within
        0.15 of 1, there are zooms below and above 1, and at least 8 photos.
    """
    zooms = [zoom for zoom in zooms if zoom != 1]
    return _summary([_responses(depth, photo, zooms) for photo in photos], zooms)


@dataclass(frozen=True)
class ZoomRow:
    """The measurement at one zoom.

    Attributes:
        zoom: the magnification.
        abs_rel: of the network's depth, mean over images.
        corrected_abs_rel: of its depth times the zoom, the correction for a network that obeys.
        response: as in `ZoomResponse`; None for a zoom of 1.
    """

    zoom: float
    abs_rel: float
    corrected_abs_rel: float
    response: float | None


@dataclass(frozen=True)
class ZoomTable:
    """The result of `evaluate_zooms`.

    Attributes:
        rows: of the zooms, in their order.
        obeys: as in `ZoomResponse`.
    """

    rows: tuple[ZoomRow, ...]
    obeys: bool


@dataclass(frozen=True)
class ZoomScores:
    """The measurements of one photo at each zoom.

    Attributes:
        responses: as in `ZoomResponse`, of each zoom other than 1.
        abs_rel: of each zoom: of the network's depth, and of its depth times the zoom; empty
            without a valid pixel.
    """

    responses: tuple[float, ...]
    abs_rel: tuple[tuple[float, ...], ...]


def evaluate_zooms(
    predict: Predictor, samples: Iterable[Sample], dataset: Dataset, zooms: Sequence[float]
) -> ZoomTable:
    """Show samples at several zooms, and compare depth with their truth.

    Args:
        predict: gives the depth of an RGB image.
        samples: photos with their truth.
        dataset: has the range.
        zooms: magnifications.
    """
    return zoom_table([zoom_scores(predict, each, dataset, zooms) for each in samples], zooms)


def zoom_scores(
    predict: Predictor, sample: Sample, dataset: Dataset, zooms: Sequence[float]
) -> ZoomScores:
    """Show one sample at several zooms; arguments as of `evaluate_zooms`."""
    whole = predict(sample.rgb)
    depths = {z: whole if z == 1 else predict(zoomed(sample.rgb, z)) for z in zooms}
    return ZoomScores(
        tuple(_response(whole, depths[zoom], zoom) for zoom in zooms if zoom != 1),
        tuple(_abs_rel(depths[z], _truth_at(sample, z), dataset, z) for z in zooms),
    )


def zoom_table(scores: Sequence[ZoomScores], zooms: Sequence[float]) -> ZoomTable:
    """Sum photos up.

    Args:
        scores: of the photos.
        zooms: that they were shown at.
    """
    found = _summary([each.responses for each in scores], [zoom for zoom in zooms if zoom != 1])
    by_zoom = dict(zip(found.zooms, found.response, strict=True))
    rows = []
    for place, zoom in enumerate(zooms):
        valid = [each.abs_rel[place] for each in scores if each.abs_rel[place]]
        plain, corrected = np.mean(valid, axis=0)
        rows.append(ZoomRow(zoom, float(plain), float(corrected), by_zoom.get(zoom)))
    return ZoomTable(tuple(rows), found.obeys)


def _abs_rel(
    depth: npt.NDArray[np.float32], truth: Sample, dataset: Dataset, zoom: float
) -> tuple[float, ...]:
    """abs_rel of a photo's depth, and of its depth times the zoom; empty without a valid pixel."""
    return tuple(
        row["abs_rel"]
        for factor in (1.0, zoom)
        for row in evaluate(lambda _rgb, k=factor: depth * np.float32(k), [truth], dataset)  # type: ignore[misc]
    )


def _truth_at(sample: Sample, zoom: float) -> Sample:
    """The true depth of what `zoomed` shows; the border is not valid."""
    depth_m = np.where(sample.valid, sample.depth_m, np.float32(0))
    shown = _magnified(depth_m, zoom, _nearest, 0)
    return replace(sample, depth_m=np.asarray(shown, np.float32), valid=np.asarray(shown) > 0)


def _summary(responses: Sequence[Sequence[float]], zooms: Sequence[float]) -> ZoomResponse:
    response = [round(float(np.median(each)), 3) for each in zip(*responses, strict=True)]
    near = all(abs(each - 1) <= OBEYS_WITHIN for each in response)
    both = any(zoom < 1 for zoom in zooms) and any(zoom > 1 for zoom in zooms)
    return ZoomResponse(
        images=len(responses),
        zooms=tuple(zooms),
        response=tuple(response),
        obeys=near and both and len(responses) >= FEWEST_PHOTOS,
    )


def _responses(depth: Depth, photo: Pixels, zooms: Sequence[float]) -> list[float]:
    whole = depth(photo)
    return [_response(whole, depth(zoomed(photo, zoom)), zoom) for zoom in zooms]


def _response(whole: npt.NDArray[Any], seen: npt.NDArray[Any], zoom: float) -> float:
    """The response of one photo, from its depth and its depth at a zoom in the common area."""
    first, second = (central(whole, 1 / zoom), seen) if zoom > 1 else (whole, central(seen, zoom))
    size = min(first.shape, second.shape)[::-1]
    first, second = (
        cv2.resize(np.asarray(each, np.float32), size, interpolation=cv2.INTER_AREA)
        for each in (first, second)
    )
    both = (first > 0) & (second > 0)  # which nan is not
    if not both.any():
        return 0.0
    return float(np.median(np.log(second[both] / first[both]))) / -math.log(zoom)
