"""Silence channels that say the same whatever the image: their weights only widen the grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.canonical import is_depthwise
from tfl_depth.converters.walk import walk
from tfl_depth.converters.weights.pairs import Pair, pairs
from tfl_depth.converters.workpiece import Workpiece

# In units of what a channel carries: far below half a step of int8, which is 0.02 of ReLU6's 6.
CONSTANT = 1e-3

Vector = npt.NDArray[np.float32]


def silence_dead_channels(work: Workpiece) -> None:
    """Give channels that are constant on the calibration images that constant, and no weights.

    Only between two convolutions. The network computes the same on the calibration images.
    """
    found = {pair.between.name: pair for pair in pairs(work.network) if work.chosen(pair.first)}

    def look(layer: Any, maps: Any) -> None:
        if layer.name in found:
            low, high = maps.min(axis=(0, 1, 2)), maps.max(axis=(0, 1, 2))
            _silence(found[layer.name], high - low < CONSTANT, (high + low) / 2)

    walk(work.network, work.images, after=look)


def _silence(pair: Pair, dead: npt.NDArray[np.bool_], constant: Vector) -> None:
    kernel, bias = pair.first.get_weights()
    mask = dead.reshape(kernel.shape[-2:]) if is_depthwise(pair.first) else dead
    pair.first.set_weights([np.where(mask, 0, kernel), np.where(dead, constant, bias)])
    second = pair.second.get_weights()
    # A channel of nothing needs no weights behind it either, and they may be the widest.
    silent = (dead & (constant == 0))[:, None]
    pair.second.set_weights([np.where(silent, 0, second[0]), *second[1:]])
