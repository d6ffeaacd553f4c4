"""Bias correction: what rounding adds to a channel's mean is taken off its bias.

M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV
2019), section 4.2, with the means measured on the calibration images (their appendix D).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfl_depth.converters.keras_graph import convolutions
from tfl_depth.converters.walk import BATCH, walk
from tfl_depth.converters.weights.grid import rounded
from tfl_depth.converters.workpiece import Workpiece


def correct_biases(work: Workpiece) -> None:
    """Round every convolution's weights to nearest, and give its channels their old means."""
    found = {layer.name for layer in convolutions(work.network) if work.chosen(layer)}
    means: dict[str, Any] = {}

    def remember(layer: Any, maps: Any) -> None:
        if layer.name in found:
            means[layer.name] = work.wanted(layer, maps.mean(axis=(0, 1, 2)))

    def correct(layer: Any, maps: Any) -> None:
        if layer.name in found:
            kernel, bias = layer.get_weights()
            kernel = rounded(kernel, layer, per_channel=work.per_channel)
            layer.set_weights([kernel, bias])
            layer.set_weights([kernel, bias + means[layer.name] - _mean(layer, maps)])

    walk(work.reference, work.images, after=remember)
    walk(work.network, work.images, before=correct)


def _mean(layer: Any, maps: Any) -> Any:
    batches = [maps[begin : begin + BATCH] for begin in range(0, len(maps), BATCH)]
    sums = [np.asarray(layer(batch)).sum(axis=0).mean(axis=(0, 1)) for batch in batches]
    return np.sum(sums, axis=0) / len(maps)
