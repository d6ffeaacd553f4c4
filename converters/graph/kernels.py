"""Operators with a kernel of weights: convolutions and dense layers."""

from __future__ import annotations

from dataclasses import dataclass

from tfl_depth.converters.graph.graph import Operator, Tensor


@dataclass(frozen=True)
class KernelPlaces:
    """The positions of an operator's inputs.

    Attributes:
        features, kernel, bias: indices of the inputs.
        channel_axis: dimension of the kernel with the output channels.
    """

    features: int
    kernel: int
    bias: int
    channel_axis: int


KERNEL_OPERATORS = {
    "CONV_2D": KernelPlaces(0, 1, 2, 0),
    "DEPTHWISE_CONV_2D": KernelPlaces(0, 1, 2, 3),
    "FULLY_CONNECTED": KernelPlaces(0, 1, 2, 0),
    "TRANSPOSE_CONV": KernelPlaces(2, 1, 3, 0),
}


def has_kernel(operator: Operator) -> bool:
    """Whether an operator multiplies features by a constant kernel."""
    places = KERNEL_OPERATORS.get(operator.kind)
    return places is not None and operator.input(places.kernel).is_constant


def features_of(operator: Operator) -> Tensor:
    """Return the features of an operator with a kernel."""
    return operator.input(KERNEL_OPERATORS[operator.kind].features)


def kernel_of(operator: Operator) -> Tensor:
    """Its kernel."""
    return operator.input(KERNEL_OPERATORS[operator.kind].kernel)


def bias_of(operator: Operator) -> Tensor | None:
    """Return its bias, or None."""
    place = KERNEL_OPERATORS[operator.kind].bias
    return operator.inputs[place] if place < len(operator.inputs) else None


def set_kernel(operator: Operator, kernel: Tensor) -> None:
    """Replace its kernel."""
    operator.inputs[KERNEL_OPERATORS[operator.kind].kernel] = kernel


def set_bias(operator: Operator, bias: Tensor) -> None:
    """Replace its bias, or add one."""
    place = KERNEL_OPERATORS[operator.kind].bias
    operator.inputs += [None] * (place + 1 - len(operator.inputs))
    operator.inputs[place] = bias
