"""Replace channels that never change by constants, since their weights only widen the grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import constant
from tfl_depth.converters.graph.channels import scale_inputs, scale_outputs
from tfl_depth.converters.graph.kernels import bias_of, kernel_of, set_bias
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.conv_pairs import (
    ConvPair,
    channel_extremes,
    conv_pairs,
)

# Absolute value; far below half a step of int8, which is 0.02 for ReLU6's range of 6.
CONSTANT = 1e-3


def silence_dead_channels(context: QuantizationContext) -> None:
    """Replace channels that are constant on the calibration images by a bias, with weights of 0.

    Only between two kernels. On the calibration images the output does not change.
    """
    pairs = [p for p in conv_pairs(context.graph) if context.may_change(p.first, p.second)]
    found = channel_extremes(context.graph, [p.between for p in pairs], context.images)
    for pair in pairs:
        low, high = found[pair.between]
        _silence(pair, high - low < CONSTANT, (high + low) / 2)


def _silence(pair: ConvPair, dead: npt.NDArray[np.bool_], value: npt.NDArray[Any]) -> None:
    scale_outputs(pair.first, np.where(dead, 0.0, 1.0))
    bias, kernel = bias_of(pair.first), kernel_of(pair.first)
    old = np.zeros(len(dead)) if bias is None else bias.constant
    name = f"{kernel.name}_bias" if bias is None else bias.name
    set_bias(pair.first, constant(name, np.where(dead, value, old)))
    # The next kernel needs no weights for a channel of zeros, and these may be its largest.
    scale_inputs(pair.second, np.where(dead & (value == 0), 0.0, 1.0))
