"""Samples of inputs and outputs of an operator with a kernel, at some places of each image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.graph import Operator
from tfl_depth.converters.graph.kernels import kernel_of
from tfl_depth.converters.ptq.kernel_matrix import KernelMatrix

# Samples of all images for each weight of a filter, and limits of their number. Damping keeps the
# weights that have too few samples.
SAMPLES_PER_WEIGHT = 16
LEAST_SAMPLES, MOST_SAMPLES = 512, 16384
# More samples cost little as long as there are no more than these elements: samples times inputs
# of all groups. The first layers, which have few channels and matter most, get the most.
CHEAP_ELEMENTS = 2**23
# Limit of samples times inputs: 128 MiB of float32.
MOST_ELEMENTS = 2**25

Array = npt.NDArray[Any]


class ActivationSampler:
    """Chooses places of an operator's output: other ones in each image, the same in each call."""

    def __init__(self, operator: Operator, images: int) -> None:
        self._operator = operator
        rows = int(np.prod(operator.output.shape[:-1]))
        count = min(rows, -(-_samples(KernelMatrix(operator)) // images))
        rng = np.random.default_rng(0)
        self._places = np.stack([rng.permutation(rows)[:count] for _ in range(images)])

    def outputs(self, image: int, values: Array) -> Array:
        """Return samples (places, channels) of one image's output (1, ..., channels)."""
        return np.asarray(values.reshape(-1, values.shape[-1])[self._places[image]])

    def patches(self, maps: Array) -> Array:
        """Return the inputs of the kernel at the places of all images.

        Args:
            maps: the operator's features, (images, *shape).

        Returns:
            (images * places, positions of the kernel, C).
        """
        return np.concatenate([self._patches(i, values) for i, values in enumerate(maps)])

    def _patches(self, image: int, values: Array) -> Array:
        operator, places = self._operator, self._places[image]
        if operator.kind == "FULLY_CONNECTED":
            columns = kernel_of(operator).shape[1]
            return np.asarray(values.reshape(-1, 1, columns)[places])
        height, width = kernel_of(operator).shape[1:3]
        rows, columns = np.divmod(places, operator.output.shape[2])
        padded, strides, dilations = _prepared(operator, values[0])
        y = rows[:, None] * strides[0] + np.arange(height) * dilations[0]
        x = columns[:, None] * strides[1] + np.arange(width) * dilations[1]
        found = padded[y[:, :, None], x[:, None, :]]
        if operator.kind == "TRANSPOSE_CONV":
            found = found[:, ::-1, ::-1]
        return np.asarray(found.reshape(len(places), height * width, -1))


def _samples(matrix: KernelMatrix) -> int:
    """Return the number of samples over all images."""
    cheap = CHEAP_ELEMENTS // (matrix.groups * matrix.inputs)
    samples = min(max(SAMPLES_PER_WEIGHT * matrix.inputs, LEAST_SAMPLES, cheap), MOST_SAMPLES)
    return max(min(samples, MOST_ELEMENTS // matrix.inputs), 1)


def _prepared(operator: Operator, values: Array) -> tuple[Array, tuple[int, int], tuple[int, int]]:
    """Return the padded features, and the strides and dilations of the kernel.

    A transposed convolution equals a plain one over features with zeros between them, with a
    rotated kernel.
    """
    settings = operator.options
    kernel, output = kernel_of(operator).shape[1:3], operator.output.shape[1:3]
    strides = (settings.strideH, settings.strideW)
    if operator.kind == "TRANSPOSE_CONV":
        return _spread(settings, values, kernel, output), (1, 1), (1, 1)
    dilations = (settings.dilationHFactor, settings.dilationWFactor)
    pads = [(0, 0)] * 3
    if settings.padding == schema.Padding.SAME:
        for axis in (0, 1):
            reach = (kernel[axis] - 1) * dilations[axis] + 1
            total = max((output[axis] - 1) * strides[axis] + reach - values.shape[axis], 0)
            pads[axis] = (total // 2, total - total // 2)
    return np.pad(values, pads), strides, dilations


def _spread(
    settings: Any, values: Array, kernel: tuple[int, ...], output: tuple[int, ...]
) -> Array:
    strides = (settings.strideH, settings.strideW)
    height, width = (
        (size - 1) * step + 1 for size, step in zip(values.shape, strides, strict=False)
    )
    spread = np.zeros((height, width, values.shape[2]), values.dtype)
    spread[:: strides[0], :: strides[1]] = values
    pads = []
    for axis in (0, 1):
        total = 0
        if settings.padding == schema.Padding.SAME:
            total = max(spread.shape[axis] - 1 + kernel[axis] - output[axis], 0)
        before = kernel[axis] - 1 - total // 2
        pads.append((before, output[axis] + kernel[axis] - 1 - before - spread.shape[axis]))
    # Cut the features if the output is cut.
    kept = tuple(slice(0, spread.shape[axis] + min(pads[axis][1], 0)) for axis in (0, 1))
    pads = [(before, max(after, 0)) for before, after in pads]
    return np.pad(spread[kept], [*pads, (0, 0)])
