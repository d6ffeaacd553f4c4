"""Functions that make the operators of heads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options

NONE = schema.ActivationFunctionType.NONE
RELU6 = schema.ActivationFunctionType.RELU6


def computed(graph: Graph, name: str, shape: tuple[int, ...]) -> Tensor:
    """Make a float tensor for an operator's output, with a unique name like `name`."""
    return Tensor(graph.unique_name(name), shape, np.dtype(np.float32))


def pointwise_convolution(
    graph: Graph,
    features: Tensor,
    kernel: npt.ArrayLike,
    bias: npt.ArrayLike,
    name: str,
    activation: int = NONE,
) -> Operator:
    """Make a 1x1 convolution.

    Args:
        graph: that it will be a part of.
        features: (1, H, W, inputs).
        kernel: (outputs, inputs).
        bias: (outputs,).
        name: of its result.
        activation: number of the activation that it applies.
    """
    weights = np.asarray(kernel, np.float32)
    kernel_tensor = constant(f"{name}_kernel", weights[:, None, None, :])
    bias_tensor = constant(f"{name}_bias", bias)
    result = computed(graph, name, (*features.shape[:-1], weights.shape[0]))
    made = options(
        "Conv2DOptions",
        padding=schema.Padding.VALID,
        strideH=1,
        strideW=1,
        fusedActivationFunction=activation,
    )
    return Operator("CONV_2D", [features, kernel_tensor, bias_tensor], [result], made)


def reshape(graph: Graph, tensor: Tensor, shape: tuple[int, ...]) -> Operator:
    """Make a RESHAPE."""
    result = computed(graph, f"{tensor.name}_reshaped", shape)
    target = constant(f"{result.name}_shape", shape, np.int32)
    made = options("ReshapeOptions", newShape=np.array(shape, np.int32))
    return Operator("RESHAPE", [tensor, target], [result], made)


def concatenation(graph: Graph, tensors: list[Tensor], name: str) -> Operator:
    """Join tensors of the same height and width along their channels."""
    channels = sum(tensor.shape[-1] for tensor in tensors)
    result = computed(graph, name, (*tensors[0].shape[:-1], channels))
    made = options("ConcatenationOptions", axis=len(result.shape) - 1)
    return Operator("CONCATENATION", list(tensors), [result], made)
