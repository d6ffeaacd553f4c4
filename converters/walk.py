"""Run images through a network layer by layer, and look at every layer on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.converters.keras_graph import nodes

# A layer, and its first input or its output for all images: (N, H, W, C).
Look = Callable[[Any, npt.NDArray[np.float32]], None]

BATCH = 4


def walk(
    model: keras.Model,
    images: npt.NDArray[np.float32],
    *,
    before: Look = lambda layer, inputs: None,
    after: Look = lambda layer, outputs: None,
) -> None:
    """Compute every layer once, for all images, from the input to the output.

    Feature maps are kept as long as a layer still needs them, no longer.

    Args:
        model: with one input.
        images: (N, H, W, 3), what the model takes.
        before: is shown a layer and what it is about to take; may change the layer's weights.
        after: is shown a layer and what it gave.
    """
    todo = nodes(model)
    uses = Counter(id(tensor) for node in todo for tensor in node.input_tensors)
    maps = {id(model.inputs[0]): images}
    for node in todo:
        if not node.is_input:
            before(node.operation, maps[id(node.input_tensors[0])])
            maps[id(node.outputs[0])] = _computed(node, maps)
        after(node.operation, maps[id(node.outputs[0])])
        for tensor in node.input_tensors:
            uses[id(tensor)] -= 1
            if not uses[id(tensor)]:
                del maps[id(tensor)]


def _computed(node: Any, maps: dict[int, Any]) -> npt.NDArray[np.float32]:
    total = len(maps[id(node.input_tensors[0])])
    parts = []
    for begin in range(0, total, BATCH):
        some = {key: value[begin : begin + BATCH] for key, value in maps.items()}
        args, kwargs = node.arguments.fill_in(some)
        parts.append(keras.ops.convert_to_numpy(node.operation(*args, **kwargs)))
    return np.concatenate(parts)
