"""Kernels on the int8 grid that the writer uses."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Operator
from tfl_depth.converters.graph.kernels import KERNEL_OPERATORS, kernel_of
from tfl_depth.converters.quantize.parameters import kernel_codes, kernel_scales
from tfl_depth.converters.quantize.rules import PER_CHANNEL


def step_axis(operator: Operator, *, per_channel: bool) -> int | None:
    """Return the dimension of a kernel along which its steps differ; None for one step."""
    if per_channel and operator.kind in PER_CHANNEL:
        return KERNEL_OPERATORS[operator.kind].channel_axis
    return None


def nearest_kernel(
    operator: Operator, *, per_channel: bool, share: float = 1.0
) -> npt.NDArray[np.float32]:
    """Round an operator's kernel to a grid that ends at a share of its largest weights.

    Larger weights are clipped.
    """
    kernel = kernel_of(operator).constant.astype(np.float64)
    axis = KERNEL_OPERATORS[operator.kind].channel_axis
    scales = share * kernel_scales(kernel, step_axis(operator, per_channel=per_channel))
    scales = np.broadcast_to(scales, kernel.shape[axis])
    return dequantized(kernel_codes(kernel, scales, axis), scales, axis)


def dequantized(
    codes: npt.NDArray[np.int8], scales: npt.NDArray[Any], axis: int
) -> npt.NDArray[np.float32]:
    """Return the values of a kernel's codes."""
    shape = [1] * codes.ndim
    shape[axis] = -1
    return np.asarray(codes * np.reshape(scales, shape), np.float32)
