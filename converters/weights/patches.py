"""Samples of what a convolution sees and says: some places of each image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.canonical import is_depthwise

# Of each convolution, over all images: so many for each weight of a filter, within limits. The
# widest filters of usual networks have a few thousand; damping holds what is not seen often enough.
SAMPLES_PER_WEIGHT = 16
LEAST_SAMPLES, MOST_SAMPLES = 2048, 8192

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Places:
    """Places of a convolution's output, others in each image.

    Attributes:
        rows, columns: (images, places) indices into the output.
    """

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]

    def pick(self, maps: Array) -> Array:
        """Values at the places of all images' maps (N, h, w, C): (N * places, C)."""
        image = np.arange(len(maps))[:, None]
        return maps[image, self.rows, self.columns].reshape(-1, maps.shape[-1])

    def patches(self, maps: Array, layer: Any) -> Array:
        """What a convolution sees there of all images' maps (N, H, W, C).

        Returns:
            (N * places, kernel height, kernel width, C).
        """
        padded = _padded(maps, layer)
        image = np.arange(len(maps))[:, None, None, None]
        tops, lefts = self.rows * layer.strides[0], self.columns * layer.strides[1]
        y = tops[..., None] + np.arange(layer.kernel_size[0]) * layer.dilation_rate[0]
        x = lefts[..., None] + np.arange(layer.kernel_size[1]) * layer.dilation_rate[1]
        found = padded[image, y[..., :, None], x[..., None, :]]
        return np.asarray(found.reshape(-1, *found.shape[2:]))


def places(layer: Any, images: int) -> Places:
    """Choose a convolution's places, the same at every call."""
    _, height, width, _ = layer.output.shape
    weights = int(np.prod(layer.kernel.shape[:2])) * (
        1 if is_depthwise(layer) else layer.kernel.shape[2]
    )
    samples = min(max(SAMPLES_PER_WEIGHT * weights, LEAST_SAMPLES), MOST_SAMPLES)
    count = min(height * width, -(-samples // images))
    rng = np.random.default_rng(0)
    flat = np.stack([rng.permutation(height * width)[:count] for _ in range(images)])
    return Places(*np.divmod(flat, width))


def _padded(maps: Array, layer: Any) -> Array:
    """The input with the zeros that "same" adds: as many after as before, or one more."""
    if layer.padding == "valid":
        return maps
    pads = []
    for axis in (0, 1):
        size, stride = maps.shape[1 + axis], layer.strides[axis]
        reach = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
        total = max((-(-size // stride) - 1) * stride + reach - size, 0)
        pads.append((total // 2, total - total // 2))
    return np.pad(maps, ((0, 0), *pads, (0, 0)))
