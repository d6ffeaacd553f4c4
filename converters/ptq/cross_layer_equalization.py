"""Cross-layer equalization: move factors between kernels until their ranges agree.

M. Nagel, M. van Baalen, T. Blankevoort and M. Welling, "Data-Free Quantization Through Weight
Equalization and Bias Correction" (ICCV 2019), section 4.1. A factor can pass a ReLU, but not the
ceiling of ReLU6. A channel that reaches the ceiling keeps its scale, and no other channel is scaled
up to the ceiling.
"""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.channels import Vector, scale_inputs, scale_outputs
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.conv_pairs import (
    ConvPair,
    channel_extremes,
    conv_pairs,
    incoming_largest,
    outgoing_largest,
)

ROUNDS = 40
# Share of the ceiling that a channel may reach on the calibration images; others may be brighter.
HEADROOM = 0.9
# A larger factor only means that the channel has almost no effect.
LARGEST_FACTOR = 1e3


def equalize_layers(context: QuantizationContext) -> None:
    """Equalize all pairs of kernels. The network's output does not change."""
    pairs = [p for p in conv_pairs(context.graph) if context.may_change(p.first, p.second)]
    found = channel_extremes(context.graph, [p.between for p in pairs], context.images)
    peaks = {pair.between: found[pair.between][1].astype(np.float64) for pair in pairs}
    for _ in range(ROUNDS):
        for pair in pairs:
            peaks[pair.between] = peaks[pair.between] * _equalize(pair, peaks[pair.between])


def _equalize(pair: ConvPair, peak: Vector) -> Vector:
    """Scale the channels between the pair. Return the factors."""
    outgoing = outgoing_largest(pair.first)
    incoming = incoming_largest(pair.second, len(outgoing))
    alive = (outgoing > 0) & (incoming > 0)
    ratio = np.divide(incoming, outgoing, out=np.ones_like(incoming), where=alive)
    factor = np.clip(np.sqrt(ratio), 1 / LARGEST_FACTOR, LARGEST_FACTOR)
    if pair.ceiling is not None:
        factor = _below_ceiling(factor, peak, pair.ceiling)
    scale_outputs(pair.first, factor)
    scale_inputs(pair.second, 1 / factor)
    return factor


def _below_ceiling(factor: Vector, peak: Vector, ceiling: float) -> Vector:
    room = HEADROOM * ceiling
    # A channel whose peak is 0 or less passes nothing, so any factor is allowed.
    most = np.divide(room, peak, out=np.full_like(peak, np.inf), where=peak > 0)
    return np.where(peak < room, np.minimum(factor, np.maximum(most, 1)), 1.0)
