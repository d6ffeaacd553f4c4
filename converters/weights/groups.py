"""Kernels as matrices: a depthwise convolution is many small ones, any other is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.canonical import is_depthwise

Array = npt.NDArray[np.float64]


class Groups:
    """A convolution as (groups, filters, inputs): one group, or one for each depthwise channel."""

    def __init__(self, layer: Any) -> None:
        self._shape = tuple(layer.kernel.shape)
        self._depthwise = is_depthwise(layer)

    def weights(self, kernel: npt.NDArray[Any]) -> Array:
        """From (h, w, in, out), as Keras has it."""
        height, width, inputs, filters = self._shape
        if self._depthwise:
            flat = kernel.reshape(height * width, inputs, filters).transpose(1, 2, 0)
        else:
            flat = kernel.reshape(1, height * width * inputs, filters).transpose(0, 2, 1)
        return np.ascontiguousarray(flat, np.float64)

    def kernel(self, weights: Array) -> npt.NDArray[np.float32]:
        """The inverse of `weights`."""
        axes = (2, 0, 1) if self._depthwise else (0, 2, 1)
        return weights.transpose(axes).reshape(self._shape).astype(np.float32)

    def biases(self, biases: Array) -> npt.NDArray[np.float32]:
        """From (groups, 1, filters) to (out,)."""
        return biases.reshape(-1).astype(np.float32)

    def inputs(self, seen: npt.NDArray[Any]) -> Array:
        """From (samples, h, w, in) to (groups, samples, inputs)."""
        if not self._depthwise:
            return seen.reshape(1, len(seen), -1).astype(np.float64)
        flat = seen.reshape(len(seen), -1, self._shape[2]).transpose(2, 0, 1)
        # In one piece: numpy multiplies stacks of matrices with strides of their own slowly.
        return np.ascontiguousarray(flat, np.float64)

    def outputs(self, said: npt.NDArray[Any]) -> Array:
        """From (..., out) to (groups, ..., filters)."""
        groups = self._shape[2] if self._depthwise else 1
        flat = said.reshape(*said.shape[:-1], groups, -1)
        return np.ascontiguousarray(np.moveaxis(flat, -2, 0), np.float64)
