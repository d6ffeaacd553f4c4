"""Cross-layer equalisation: move factors between convolutions until their ranges agree.

M. Nagel, M. van Baalen, T. Blankevoort and M. Welling, "Data-Free Quantization Through Weight
Equalization and Bias Correction" (ICCV 2019), section 4.1. A factor passes through a ReLU, but not
through ReLU6's ceiling: a channel that touches it keeps its own, and no other is raised to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.canonical import is_depthwise
from tfl_depth.converters.walk import walk
from tfl_depth.converters.weights.pairs import Pair, pairs
from tfl_depth.converters.workpiece import Workpiece

ROUNDS = 40
# Of the ceiling that a channel may reach on the calibration images: others may be brighter.
HEADROOM = 0.9
# Beyond this a factor says only that a channel hardly matters.
LARGEST_FACTOR = 1e3

Vector = npt.NDArray[np.float64]


def equalise(work: Workpiece) -> None:
    """Equalise all pairs of convolutions; the network computes the same."""
    found = [p for p in pairs(work.network) if work.chosen(p.first) or work.chosen(p.second)]
    peaks = _peaks(work, found)
    for _ in range(ROUNDS):
        for pair in found:
            name, first = pair.between.name, pair.first.name
            factor = _equalise(pair, peaks[name])
            peaks[name] = peaks[name] * factor
            work.factors[first] = work.factors.get(first, 1.0) * factor


def _peaks(work: Workpiece, found: list[Pair]) -> dict[str, Vector]:
    """Largest value of each channel between two convolutions."""
    between = {pair.between.name for pair in found}
    peaks: dict[str, Vector] = {}

    def look(layer: Any, maps: Any) -> None:
        if layer.name in between:
            peaks[layer.name] = maps.max(axis=(0, 1, 2)).astype(np.float64)

    walk(work.network, work.images, after=look)
    return peaks


def _equalise(pair: Pair, peak: Vector) -> Vector:
    """Scale the channels between; returns their factors."""
    (kernel, bias), second = pair.first.get_weights(), pair.second.get_weights()
    outgoing, incoming = _ranges(kernel, pair.first, True), _ranges(second[0], pair.second, False)
    alive = (outgoing > 0) & (incoming > 0)
    ratio = np.divide(incoming, outgoing, out=np.ones_like(incoming), where=alive)
    factor = np.clip(np.sqrt(ratio), 1 / LARGEST_FACTOR, LARGEST_FACTOR)
    if pair.ceiling is not None:
        factor = _below_ceiling(factor, peak, pair.ceiling)
    shape = kernel.shape[-2:] if is_depthwise(pair.first) else (-1,)
    pair.first.set_weights([kernel * factor.reshape(shape), bias * factor])
    pair.second.set_weights([second[0] / factor[:, None], *second[1:]])
    return factor


def _ranges(kernel: npt.NDArray[np.float32], layer: object, outputs: bool) -> Vector:
    """Largest weight of each output channel, or of those that take each input channel."""
    magnitude = np.abs(kernel).max(axis=(0, 1)).astype(np.float64)
    if is_depthwise(layer):
        return np.asarray(magnitude.ravel() if outputs else magnitude.max(axis=1))
    return np.asarray(magnitude.max(axis=0 if outputs else 1))


def _below_ceiling(factor: Vector, peak: Vector, ceiling: float) -> Vector:
    room = HEADROOM * ceiling
    # Nothing at all comes through a channel whose peak is 0 or less: it may be scaled freely.
    most = np.divide(room, peak, out=np.full_like(peak, np.inf), where=peak > 0)
    return np.where(peak < room, np.minimum(factor, np.maximum(most, 1)), 1.0)
