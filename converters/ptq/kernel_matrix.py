"""Kernels as matrices, one for each group of channels: (groups, filters, inputs)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Operator
from tfl_depth.converters.graph.kernels import KERNEL_OPERATORS, features_of, kernel_of

Array = npt.NDArray[Any]


class KernelMatrix:
    """Reads and writes an operator's kernel as (groups, filters, inputs of one output).

    A depthwise convolution has a group for each input channel. A grouped convolution has several
    groups, and any other operator has one.
    """

    def __init__(self, operator: Operator) -> None:
        self._kind = operator.kind
        self._shape = kernel_of(operator).shape
        channels = features_of(operator).shape[-1]
        if self._kind == "DEPTHWISE_CONV_2D":
            self.groups, self.inputs = channels, self._shape[1] * self._shape[2]
        else:
            self.inputs = int(np.prod(self._shape[1:]))
            is_grouped = self._kind == "CONV_2D"
            self.groups = channels // self._shape[-1] if is_grouped else 1
        self.channels = self._shape[KERNEL_OPERATORS[self._kind].channel_axis]
        self.filters = self.channels // self.groups

    def weights(self, kernel: Array) -> Array:
        """Convert the operator's kernel to (groups, filters, inputs)."""
        if self._kind == "DEPTHWISE_CONV_2D":
            flat = kernel.reshape(self.inputs, self.groups, self.filters)
            return np.ascontiguousarray(flat.transpose(1, 2, 0), np.float64)
        return kernel.reshape(self.groups, self.filters, self.inputs).astype(np.float64)

    def kernel(self, weights: Array) -> npt.NDArray[np.float32]:
        """Convert (groups, filters, inputs) to the operator's kernel."""
        if self._kind == "DEPTHWISE_CONV_2D":
            weights = weights.transpose(2, 0, 1)
        return weights.reshape(self._shape).astype(np.float32)

    def patches(self, seen: Array) -> Array:
        """Convert the inputs of outputs, (samples, places, C), to (groups, samples, inputs)."""
        samples = len(seen)
        if self._kind == "DEPTHWISE_CONV_2D":
            return np.ascontiguousarray(seen.transpose(2, 0, 1))
        split = seen.reshape(samples, seen.shape[1], self.groups, -1).transpose(2, 0, 1, 3)
        return np.ascontiguousarray(split).reshape(self.groups, samples, self.inputs)

    def outputs(self, values: Array) -> Array:
        """Convert (..., channels) to (groups, ..., filters)."""
        split = values.reshape(*values.shape[:-1], self.groups, self.filters)
        return np.ascontiguousarray(np.moveaxis(split, -2, 0))

    def flat(self, values: Array) -> npt.NDArray[np.float32]:
        """Convert (groups, filters) to (channels,)."""
        return values.reshape(self.channels).astype(np.float32)
