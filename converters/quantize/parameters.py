"""Scales and zero points of ranges, and codes of values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Quantization

Range = tuple[float, float]

# An empty range needs a step too.
TINY = 1e-9
# Largest code of int8 weights, on both sides of zero.
WEIGHT_LEVELS = 127
# Largest code of an int32 bias, which leaves room for the sum of products.
BIAS_LIMIT = 2**30


def activation_quantization(range_: Range, bits: int) -> Quantization:
    """Return the quantization of a range: asymmetric for int8, symmetric for int16.

    Zero has an exact code, since padding and ReLU need it.
    """
    low, high = min(range_[0], 0.0), max(range_[1], 0.0)
    if bits == 16:
        return Quantization((max(high, -low, TINY) / 32767,), (0,))
    scale = max((high - low) / 255, TINY)
    zero_point = int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return Quantization((scale,), (zero_point,))


def codes(values: npt.ArrayLike, quantization: Quantization, bits: int) -> npt.NDArray[Any]:
    """Return the nearest codes of values with one scale, int8 or int16."""
    top = 2 ** (bits - 1) - 1
    found = np.rint(np.asarray(values, np.float64) / np.float32(quantization.scales[0]))
    found = np.clip(found + quantization.zero_points[0], -top - 1, top)
    return np.asarray(found, np.int8 if bits == 8 else np.int16)


def constant_range(values: npt.NDArray[Any]) -> Range:
    """Return the range of a constant."""
    return float(values.min()), float(values.max())


def kernel_scales(
    kernel: npt.NDArray[Any], axis: int | None, floor: npt.ArrayLike = 0.0
) -> npt.NDArray[np.float64]:
    """Return the step of each output channel's int8 weights, (channels,), or one for all, (1,).

    The largest weight has code 127, so that weights on such a grid keep their codes.

    Args:
        kernel: of any shape.
        axis: of the output channels; None: one step for all.
        floor: smallest step of each channel.
    """
    magnitude = np.abs(np.asarray(kernel, np.float64))
    if axis is None:
        largest = np.atleast_1d(magnitude.max(initial=0.0))
    else:
        others = tuple(i for i in range(kernel.ndim) if i != axis)
        largest = magnitude.max(axis=others, initial=0.0)
    steps = np.maximum(largest / WEIGHT_LEVELS, floor)
    return np.where(steps > 0, steps, 1.0)


def kernel_codes(
    kernel: npt.NDArray[Any], scales: npt.NDArray[np.float64], axis: int
) -> npt.NDArray[np.int8]:
    """Return the nearest int8 codes of a kernel."""
    shape = [1] * kernel.ndim
    shape[axis] = -1
    steps = scales.reshape(shape)
    levels = np.rint(np.asarray(kernel, np.float64) / steps)
    return np.clip(levels, -WEIGHT_LEVELS, WEIGHT_LEVELS).astype(np.int8)
