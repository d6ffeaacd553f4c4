"""The scale of a kernel that leaves the least squared error: a few large weights may be cut."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.keras_graph import convolutions
from tfl_depth.converters.weights.grid import Kernel, channel_axes, largest, nearest
from tfl_depth.converters.workpiece import Workpiece

# Shares of the largest weight to try. Below a third the cut weight's own error always rules.
SHARES = np.linspace(0.3, 1, 71)


def clip_weights(work: Workpiece) -> None:
    """Cut weights at the ends of the int8 grid that leaves the least squared error."""
    for layer in filter(work.chosen, convolutions(work.network)):
        kernel, *rest = layer.get_weights()
        end = best_end(kernel, layer, per_channel=work.per_channel)
        layer.set_weights([np.clip(kernel, -end, end), *rest])


def best_end(kernel: Kernel, layer: object, *, per_channel: bool) -> Kernel:
    """The grid's end, 127 steps, of each scale: at most its largest weight.

    Args:
        kernel: of the layer, (h, w, in, out).
        layer: says which axes are output channels.
        per_channel: a scale for each output channel, or one.

    Returns:
        To be broadcast over the kernel.
    """
    top = largest(kernel, layer, per_channel=per_channel)
    kept = channel_axes(layer) if per_channel else ()
    axes = tuple(axis for axis in range(4) if axis not in kept)
    errors = [
        np.square(nearest(kernel, share * top / 127) - kernel).sum(axis=axes, keepdims=True)
        for share in SHARES
    ]
    return np.asarray(SHARES[np.argmin(errors, axis=0)] * top, np.float32)
