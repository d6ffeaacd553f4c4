"""Runs images through a network kernel by kernel, with a visit of each kernel.

Feature maps of all images are kept only as long as a later operator needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Operator, Tensor
from tfl_depth.converters.graph.kernels import features_of, has_kernel

Array = npt.NDArray[Any]
# An operator with a kernel, and its features for all images: (images, *shape).
Visit = Callable[[Operator, Array], None]

# Memory limit of the feature maps, in bytes.
MEMORY_BYTES = 3 * 2**28
LEAST_IMAGES = 8


def segments(graph: Graph) -> list[list[Operator]]:
    """Divide the operators into parts. A new part begins at each operator with a kernel."""
    parts: list[list[Operator]] = [[]]
    for operator in graph.operators:
        if has_kernel(operator):
            parts.append([])
        parts[-1].append(operator)
    return parts


def _live_after(graph: Graph, parts: Sequence[Sequence[Operator]]) -> list[set[Tensor]]:
    """Return, for each part, the computed tensors that later operators need."""
    needed: set[Tensor] = set()
    live = []
    for part in reversed(parts):
        live.append(set(needed))
        needed -= {tensor for operator in part for tensor in operator.outputs}
        for operator in part:
            needed.update(t for t in operator.inputs if t is not None and not t.is_constant)
        needed -= {tensor for operator in part for tensor in operator.outputs}
    return live[::-1]


def images_that_fit(graph: Graph, images: int) -> int:
    """Return how many images' feature maps fit into memory at once."""
    live = _live_after(graph, segments(graph))
    floats = max((sum(int(np.prod(t.shape)) for t in tensors) for tensors in live), default=1)
    # The inputs and outputs of a part are in memory together.
    return min(images, max(LEAST_IMAGES, MEMORY_BYTES // (2 * 4 * max(floats, 1))))


def run_layerwise(graph: Graph, images: Sequence[npt.NDArray[np.float32]], visit: Visit) -> None:
    """Compute every operator once, for all images, from the input to the output.

    Args:
        graph: with one input.
        images: inputs of the network, (1, H, W, 3) each.
        visit: called with each operator with a kernel before it runs. It may change the kernel and
            the bias.
    """
    parts = segments(graph)
    (source,) = graph.inputs.values()
    maps: dict[Tensor, Array] = {source: np.stack(images)}
    for part, live in zip(parts, _live_after(graph, parts), strict=True):
        if part and has_kernel(part[0]):
            visit(part[0], maps[features_of(part[0])])
        computed = _computed(graph, part, maps, live, len(images))
        maps = {tensor: values for tensor, values in maps.items() if tensor in live}
        maps.update(computed)


def _computed(
    graph: Graph, part: Sequence[Operator], maps: dict[Tensor, Array], live: set[Tensor], count: int
) -> dict[Tensor, Array]:
    wanted = [tensor for operator in part for tensor in operator.outputs if tensor in live]
    if not wanted:
        return {}
    runner = GraphRunner(Graph({}, {}, list(part)), wanted, inputs=list(maps))
    made = {tensor: np.empty((count, *tensor.shape), tensor.dtype) for tensor in wanted}
    for image in range(count):
        found = runner({tensor: values[image] for tensor, values in maps.items()})
        for tensor, values in found.items():
            made[tensor][image] = values
    return made
