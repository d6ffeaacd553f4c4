"""What onnx2tf converts wrongly, written with other operators that compute the same."""

from __future__ import annotations

from typing import Any

import numpy as np

# Beyond, a convolution is too much for what a cut does.
_MOST_CHANNELS = 16


def repair(model: Any) -> Any:
    """Write cuts of few channels as 1x1 convolutions by ones and zeros.

    onnx2tf 2.6.9 takes three equal cuts along the channels for the query, key and value of an
    attention, and reshapes them where it must transpose.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.shape_inference.infer_shapes(model)
    shapes = {
        info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        for info in model.graph.value_info
    }
    constants = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        given = shapes.get(node.input[0], []) if node.op_type == "Slice" else []
        if len(given) != 4 or not 0 < given[1] <= _MOST_CHANNELS:
            continue
        names = node.input[1:]
        if all(name in constants for name in names if name):
            read = [numpy_helper.to_array(constants[name]) if name else None for name in names]
            _replace(model.graph, node, given, read)
    return model


def _replace(graph: Any, node: Any, given: list[int], numbers: list[Any]) -> None:
    from onnx import helper, numpy_helper

    starts, ends, axes, steps = [*numbers, None, None][:4]
    axes = list(range(len(starts))) if axes is None else [int(axis) % 4 for axis in axes]
    if axes != [1]:
        return
    cut = slice(int(starts[0]), int(ends[0]), 1 if steps is None else int(steps[0]))
    name = f"{node.output[0]}/cut"
    kernel = np.eye(given[1], dtype=np.float32)[cut][:, :, None, None]
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(kernel), name))
    node.CopyFrom(helper.make_node("Conv", [node.input[0], name], list(node.output)))
