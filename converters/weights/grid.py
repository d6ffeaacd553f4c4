"""The int8 grid that TensorFlow Lite puts weights on: symmetric, 127 steps to either side.

Its converter takes the largest magnitude of a channel, or of the tensor, for 127 steps. So a
kernel that lies on a grid already, with a weight at its end, is quantised without any error: this
is how every choice of a scale or of a rounding reaches the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.canonical import is_depthwise

LEVELS = 127
Kernel = npt.NDArray[np.floating[Any]]


def channel_axes(layer: Any) -> tuple[int, ...]:
    """The axes of a layer's kernel that tell its output channels apart."""
    return (2, 3) if is_depthwise(layer) else (3,)


def largest(kernel: Kernel, layer: Any, *, per_channel: bool) -> Kernel:
    """Largest magnitude of each scale's weights, to be broadcast over the kernel; never 0."""
    kept = channel_axes(layer) if per_channel else ()
    axes = tuple(axis for axis in range(4) if axis not in kept)
    magnitude = np.abs(kernel).max(axis=axes, keepdims=True)
    return np.where(magnitude > 0, magnitude, 1).astype(np.float32)


def rounded(kernel: Kernel, layer: Any, *, per_channel: bool) -> Kernel:
    """A layer's kernel as the converter will round it: to the grid that its largest weights end."""
    return nearest(kernel, largest(kernel, layer, per_channel=per_channel) / LEVELS)


def nearest(kernel: Kernel, step: Kernel) -> Kernel:
    """Round to the grid's nearest point; what lies beyond its ends goes to them."""
    return np.asarray(np.clip(np.rint(kernel / step), -LEVELS, LEVELS) * step, np.float32)
