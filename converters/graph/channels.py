"""Constants with one number for each channel, and scaling of kernels by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Operator, Tensor, constant
from tfl_depth.converters.graph.kernels import (
    KERNEL_OPERATORS,
    bias_of,
    features_of,
    kernel_of,
    set_bias,
    set_kernel,
)

Vector = npt.NDArray[np.float64]


def channel_vector(value: Tensor | None, like: Tensor) -> Vector | None:
    """Return a constant operand as one number for each channel of `like`, (channels,).

    Channels are the last dimension. None if it is not a constant, or varies along another one.
    """
    if value is None or not value.is_constant or not like.shape:
        return None
    channels = like.shape[-1]
    if value.constant.size == 1:
        return np.full(channels, float(value.constant.item()))
    if value.constant.size != channels or value.shape[-1] != channels:
        return None
    return value.constant.astype(np.float64).ravel()


def scale_outputs(operator: Operator, factors: Vector) -> None:
    """Multiply each output channel of an operator with a kernel, bias included."""
    axis = KERNEL_OPERATORS[operator.kind].channel_axis
    kernel = kernel_of(operator)
    shape = [1] * len(kernel.shape)
    shape[axis] = -1
    set_kernel(operator, _like(kernel, kernel.constant * factors.reshape(shape)))
    bias = bias_of(operator)
    if bias is not None:
        set_bias(operator, _like(bias, bias.constant * factors))


def shift_outputs(operator: Operator, offsets: Vector) -> None:
    """Add to each output channel of an operator with a kernel."""
    bias = bias_of(operator)
    if bias is None:
        set_bias(operator, constant(f"{kernel_of(operator).name}/bias", offsets))
    else:
        set_bias(operator, _like(bias, bias.constant + offsets))


def scale_inputs(operator: Operator, factors: Vector) -> None:
    """Multiply the weights of each input channel, for inputs without these factors."""
    kernel = kernel_of(operator)
    set_kernel(operator, _like(kernel, kernel.constant * _by_input(operator, factors)))


def shift_inputs(operator: Operator, offsets: Vector) -> None:
    """Change an operator's bias for inputs without these offsets. Padding is ignored."""
    products = kernel_of(operator).constant * _by_input(operator, offsets)
    axis = KERNEL_OPERATORS[operator.kind].channel_axis
    others = tuple(i for i in range(products.ndim) if i != axis)
    shift_outputs(operator, products.sum(axis=others, dtype=np.float64))


def _by_input(operator: Operator, values: Vector) -> Any:
    """Reshape one number for each input channel, to be multiplied with the kernel."""
    kernel = kernel_of(operator)
    channels = features_of(operator).shape[-1]
    if operator.kind == "DEPTHWISE_CONV_2D":
        return np.repeat(values, kernel.shape[-1] // channels)
    if operator.kind == "FULLY_CONNECTED":
        # A flat map: pixels with all their channels, one after the other.
        return np.tile(values, kernel.shape[-1] // channels)
    return _by_group(operator, values)


def _by_group(operator: Operator, values: Vector) -> Any:
    kernel = kernel_of(operator)
    outputs, inputs = kernel.shape[0], kernel.shape[-1]
    groups = values.size // inputs
    of_groups = np.repeat(values.reshape(groups, inputs), outputs // groups, axis=0)
    return of_groups[:, None, None, :]


def _like(tensor: Tensor, value: npt.ArrayLike) -> Tensor:
    return constant(tensor.name, value)
