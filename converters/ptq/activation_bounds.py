"""The activation and the next kernel after an operator with a kernel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator
from tfl_depth.converters.graph.kernels import has_kernel, kernel_of

_BOUNDS = {
    "RELU": (0.0, np.inf),
    "RELU6": (0.0, 6.0),
    "RELU_0_TO_1": (0.0, 1.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def clipping_bounds(graph: Graph, operator: Operator) -> tuple[float, float]:
    """Return the bounds of the activation after an operator of an unfused graph."""
    behind = graph.only_consumer(operator.output)
    return (-np.inf, np.inf) if behind is None else _BOUNDS.get(behind.kind, (-np.inf, np.inf))


def channel_importance(graph: Graph, operator: Operator) -> npt.NDArray[np.float64]:
    """Return the mean squared weight of the next kernel for each output channel.

    It is the effect of an error in the channel. It is 1 if the next operator, after an activation,
    has no kernel.
    """
    channels = operator.output.shape[-1]
    behind = graph.only_consumer(operator.output)
    if behind is not None and behind.kind in _BOUNDS:
        behind = graph.only_consumer(behind.output)
    if behind is None or not has_kernel(behind):
        return np.ones(channels)
    squared = np.square(kernel_of(behind).constant.astype(np.float64))
    if behind.kind == "DEPTHWISE_CONV_2D":
        found = squared.mean(axis=(0, 1, 2)).reshape(channels, -1).mean(axis=1)
    else:
        found = squared.mean(axis=tuple(range(squared.ndim - 1)))
    # A grouped kernel has fewer columns than there are channels.
    return np.asarray(found) if len(found) == channels else np.ones(channels)
