"""Statistics of a float network's tensors on the calibration photos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Tensor

# Samples of each tensor over all photos. The extremes are of all values.
SAMPLES = 200_000

Images = Iterable[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Observed:
    """Statistics of one tensor over all photos.

    Attributes:
        low, high: extremes of all values.
        samples: (n,) float32, some of the values.
    """

    low: float
    high: float
    samples: npt.NDArray[np.float32]


def observe(graph: Graph, images: Images, count: int) -> dict[Tensor, Observed]:
    """Run photos through a network, and collect statistics of every computed float tensor.

    Args:
        graph: with one input.
        images: inputs of the network, (1, H, W, 3) float32 each.
        count: number of images.
    """
    tensors = [tensor for tensor in graph.computed() if tensor.dtype == np.float32]
    runner = GraphRunner(graph, tensors)
    (source,) = graph.inputs.values()
    collected = {tensor: _Collected(count) for tensor in tensors}
    for image in images:
        for tensor, values in runner({source: image}).items():
            collected[tensor].add(values)
    return {tensor: found.observed() for tensor, found in collected.items()}


class _Collected:
    def __init__(self, count: int) -> None:
        self._each = max(SAMPLES // count, 1)
        self._low, self._high = np.inf, -np.inf
        self._samples: list[npt.NDArray[np.float32]] = []
        self._rng = np.random.default_rng(0)

    def add(self, values: npt.NDArray[Any]) -> None:
        flat = values.ravel()
        self._low = min(self._low, float(flat.min()))
        self._high = max(self._high, float(flat.max()))
        if flat.size > self._each:
            flat = flat[self._rng.integers(0, flat.size, self._each)]
        self._samples.append(flat.copy())

    def observed(self) -> Observed:
        return Observed(self._low, self._high, np.concatenate(self._samples))


def extremes(observed: Mapping[Tensor, Observed]) -> dict[Tensor, tuple[float, float]]:
    """Return the least and the greatest value of each tensor."""
    return {tensor: (found.low, found.high) for tensor, found in observed.items()}
