"""Changes image inputs from (1, 3, H, W) to (1, H, W, 3), the layout of decoded photos."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor, constant

_COLORS = 3
_TO_NCHW = (0, 3, 1, 2)


def take_nhwc_images(graph: Graph) -> int:
    """Change inputs from (channels, rows, columns) to (rows, columns, channels).

    A transposition is inserted after each. Other rewrites remove it.
    """
    count = 0
    for name, image in graph.inputs.items():
        if not _is_nchw(image):
            continue
        shape = (image.shape[0], *image.shape[2:], image.shape[1])
        made = Tensor(image.name, shape, image.dtype)
        image.name = f"{image.name}_nchw"
        order = constant(f"{image.name}/order", _TO_NCHW, np.int32)
        graph.operators.insert(0, Operator("TRANSPOSE", [made, order], [image]))
        graph.inputs[name] = made
        count += 1
    return count


def _is_nchw(image: Tensor) -> bool:
    shape = image.shape
    return len(shape) == 4 and shape[1] == _COLORS and shape[3] != _COLORS
