"""Folds a normalization of pixels into the convolutions that use them."""

from __future__ import annotations

import copy

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options
from tfl_depth.converters.graph.kernels import bias_of, kernel_of, set_bias, set_kernel
from tfl_depth.converters.graph.rewrites.input_affine import Affine, Use, Values
from tfl_depth.converters.graph.rewrites.input_codes import Codes

# Operators that may be between the pixels and a convolution, with the index of their input.
_PASSES = frozenset({"PAD", "MIRROR_PAD", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"})
_VALID = 1


def can_fold(graph: Graph, use: Use) -> bool:
    """Whether only convolutions use the normalized pixels, through padding and resizes only."""
    operator = use.operator
    if operator.kind in _PASSES:
        if operator.kind == "PAD" and _pads_channels(operator):
            return False
        result = operator.output
        takers = graph.consumers_of(result)
        return not graph.is_output(result) and all(can_fold(graph, Use(t, result)) for t in takers)
    if operator.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D") or operator.input(0) is not use.tensor:
        return False
    kernel = kernel_of(operator)
    each = kernel.shape[3]
    return kernel.is_constant and (
        operator.kind == "DEPTHWISE_CONV_2D" or each == use.tensor.shape[3]
    )


def _pads_channels(operator: Operator) -> bool:
    return bool(np.any(operator.input(1).constant[-1] != 0))


def is_exact(graph: Graph, use: Use) -> bool:
    """Whether no zeros are padded to the normalized pixels."""
    operator = use.operator
    if operator.kind == "PAD":
        return False
    if operator.kind in _PASSES:
        result = operator.output
        return all(is_exact(graph, Use(taker, result)) for taker in graph.consumers_of(result))
    if operator.options.padding == _VALID:
        return True
    kernel, made = kernel_of(operator).shape, operator.options
    sides = zip(
        use.tensor.shape[1:3],
        operator.output.shape[1:3],
        kernel[1:3],
        (made.strideH, made.strideW),
        (made.dilationHFactor, made.dilationWFactor),
        strict=True,
    )
    return all((out - 1) * step + (k - 1) * wide + 1 <= side for side, out, k, step, wide in sides)


def fold(graph: Graph, use: Use, affine: Affine, codes: Codes, taken: Tensor) -> None:
    """Make an operator, and the convolutions after it, use the new input.

    Args:
        graph: is changed.
        use: of normalized pixels (see `can_fold`).
        affine: from pixels to normalized pixels.
        codes: from pixels to the new input.
        taken: the new input, possibly after padding and resizes.
    """
    operator = use.operator
    if operator.kind not in _PASSES:
        _fold_kernel(graph, operator, affine, codes, taken)
        return
    shape = (*operator.output.shape[:3], taken.shape[3])
    result = Tensor(graph.unique_name(f"{operator.output.name}_pixels"), shape, taken.dtype)
    inputs = [taken, *operator.inputs[1:]]
    made = Operator(operator.kind, inputs, [result], operator.options, operator.version)
    graph.insert_before(operator, [made])
    for taker in graph.consumers_of(operator.output):
        fold(graph, Use(taker, operator.output), affine, codes, result)


def _fold_kernel(
    graph: Graph, operator: Operator, affine: Affine, codes: Codes, taken: Tensor
) -> None:
    kernel = kernel_of(operator).constant.astype(np.float64)
    if operator.kind == "DEPTHWISE_CONV_2D":
        kernel = _dense(kernel, affine.scale.size)
        made = copy.deepcopy(operator.options)
        operator.kind, operator.version = "CONV_2D", 1
        operator.options = options(
            "Conv2DOptions",
            padding=made.padding,
            strideH=made.strideH,
            strideW=made.strideW,
            dilationHFactor=made.dilationHFactor,
            dilationWFactor=made.dilationWFactor,
            fusedActivationFunction=made.fusedActivationFunction,
        )
    factor, shift = codes.rest(affine)
    weights = np.zeros((*kernel.shape[:3], taken.shape[3]))
    for channel, source in enumerate(affine.source):
        weights[..., source] += kernel[..., channel] * factor[channel]
    old = bias_of(operator)
    bias = (kernel * shift).sum(axis=(1, 2, 3))
    if old is not None:
        bias = bias + old.constant.astype(np.float64)
    name = operator.output.name
    operator.inputs[0] = taken
    set_kernel(operator, constant(f"{name}_kernel_of_pixels", weights))
    set_bias(operator, constant(f"{name}_bias_of_pixels", bias))


def _dense(kernel: Values, channels: int) -> Values:
    """Convert a depthwise kernel (1, h, w, outputs) to that of a convolution."""
    _, height, width, outputs = kernel.shape
    dense = np.zeros((outputs, height, width, channels))
    for output in range(outputs):
        dense[output, ..., output // (outputs // channels)] = kernel[0, ..., output]
    return dense
