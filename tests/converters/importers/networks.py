"""Small float .tflite files, made without any framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options, write_graph

SIZE = (32, 48)


def convolution(x: Tensor, name: str, filters: int, stride: int = 1, seed: int = 0) -> Operator:
    """A 3x3 convolution with ReLU6 of a channels-last tensor."""
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 0.1, (filters, 3, 3, x.shape[3]))
    _, height, width, _ = x.shape
    output = Tensor(name, (1, height // stride, width // stride, filters), x.dtype)
    return Operator(
        "CONV_2D",
        [x, constant(f"{name}/kernel", kernel), constant(f"{name}/bias", np.ones(filters))],
        [output],
        options(
            "Conv2DOptions",
            padding=schema.Padding.SAME,
            strideH=stride,
            strideW=stride,
            dilationHFactor=1,
            dilationWFactor=1,
            fusedActivationFunction=schema.ActivationFunctionType.RELU6,
        ),
    )


def small_graph(input_name: str = "image") -> Graph:
    """Two convolutions; outputs `fine` and `coarse`."""
    image = Tensor(input_name, (1, *SIZE, 3), np.dtype(np.float32))
    first = convolution(image, "conv", 4)
    second = convolution(first.output, "half", 2, stride=2, seed=1)
    outputs = {"fine": first.output, "coarse": second.output}
    return Graph({"image": image}, outputs, [first, second])


def small_tflite() -> bytes:
    """`small_graph` as a file."""
    return write_graph(small_graph())


def edited(content: bytes, edit: Callable[[Any], None]) -> bytes:
    """A file whose schema objects were changed."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    edit(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def open_size(model: Any) -> None:
    """Declare batch, height and width of a file open, as other converters do."""
    for tensor in model.subgraphs[0].tensors:
        if len(tensor.shape) == 4 and tensor.buffer == 0:
            tensor.shapeSignature = np.array([-1, -1, -1, tensor.shape[3]], np.int32)
            tensor.shape = np.array([1, 1, 1, tensor.shape[3]], np.int32)
