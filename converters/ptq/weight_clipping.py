"""Clips weights at the range with the least squared error of all weights of a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Operator, constant
from tfl_depth.converters.graph.kernels import KERNEL_OPERATORS, kernel_of, set_kernel
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.weight_grid import nearest_kernel, step_axis

# Ends of the range to try, as shares of the largest weight.
SHARES = np.linspace(1.0, 0.4, 25)


def clip_weights(context: QuantizationContext) -> None:
    """Round each kernel to the grid with the least squared error."""
    for operator in context.operators():
        clipped = _clipped(operator, per_channel=context.per_channel)
        set_kernel(operator, constant(kernel_of(operator).name, clipped))


def _clipped(operator: Operator, *, per_channel: bool) -> npt.NDArray[Any]:
    kernel = kernel_of(operator).constant
    axis = step_axis(operator, per_channel=per_channel)
    tried = [nearest_kernel(operator, per_channel=per_channel, share=s) for s in SHARES]
    channel_axis = KERNEL_OPERATORS[operator.kind].channel_axis
    others = tuple(i for i in range(kernel.ndim) if i != channel_axis)
    errors = np.stack([np.square(one - kernel).sum(axis=others) for one in tried])
    if axis is None:
        return tried[int(np.argmin(errors.sum(axis=1)))]
    best = np.argmin(errors, axis=0)
    shape = [1] * kernel.ndim
    shape[channel_axis] = -1
    return np.asarray(np.take_along_axis(np.stack(tried), best.reshape(1, *shape), axis=0)[0])
