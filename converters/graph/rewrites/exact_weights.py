"""Kernels whose weights are whole multiples of a step and must not be rounded otherwise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor

# Weights from -127 to 127 can represent k (N - 1) with a whole k up to this many channels.
MOST_CENTERED = 128
LEVELS = 127


def centering(channels: int) -> npt.NDArray[np.float64]:
    """Return the weights that subtract the mean of all channels: I - 1/N."""
    return np.eye(channels) - 1 / channels


def is_centering(operator: Operator) -> bool:
    """Whether an operator only subtracts the mean of all channels."""
    if operator.kind != "FULLY_CONNECTED" or not operator.input(1).is_constant:
        return False
    kernel, bias = operator.input(1), operator.inputs[2] if len(operator.inputs) > 2 else None
    if bias is not None and (not bias.is_constant or bias.constant.any()):
        return False
    return _centers(kernel.constant)


def exact_steps(graph: Graph) -> dict[Tensor, float]:
    """Return the step of every kernel whose weights must stay whole multiples of it."""
    found = {}
    for operator in graph.operators:
        step = exact_step(operator)
        if step is not None:
            found[operator.input(1)] = step
    return found


def exact_step(operator: Operator) -> float | None:
    """Return the step of an operator's weights if they center, or if all are equal (a mean).

    The largest becomes 127, or the multiple of N - 1 below it.
    """
    if operator.kind != "FULLY_CONNECTED" or not operator.input(1).is_constant:
        return None
    weights = operator.input(1).constant
    if _centers(weights):
        channels = len(weights)
        return 1 / (channels * (LEVELS // (channels - 1)))
    values = weights[weights != 0]
    is_equal = values.size and math.isclose(values.min(), values.max(), rel_tol=1e-6)
    return abs(float(values.mean())) / LEVELS if is_equal else None


def _centers(weights: npt.NDArray[Any]) -> bool:
    channels = weights.shape[-1]
    if weights.shape != (channels, channels) or not 1 < channels <= MOST_CENTERED:
        return False
    return bool(np.allclose(weights, centering(channels), rtol=0, atol=1e-6 / channels))
