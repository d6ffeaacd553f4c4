"""The operators that compute y as one map, from a network's last linear operator."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, options
from tfl_depth.converters.graph.movement import size
from tfl_depth.converters.head.building import computed, reshape
from tfl_depth.converters.head.linear import as_convolution, channels_of, is_linear
from tfl_depth.converters.head.sums import merged_sum
from tfl_depth.converters.head.tail_operators import map_size
from tfl_depth.converters.head.walk import Path
from tfl_depth.errors import ConversionError

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LinearPart:
    """The operators that compute y.

    Attributes:
        operators: the last one computes y, (1, H, W, 1).
        block: side of the blocks of DEPTH_TO_SPACE; 1 without it.
        moves: operators after y that cut or flip the map.
        pixels: index of each pixel of y in the flat value at the start of the network's path.
        shown: index in flat y of each pixel of the network's output, before resizing.
    """

    operators: list[Operator]
    block: int
    moves: list[Operator]
    pixels: Places
    shown: Places


def linear_part(graph: Graph, linear: Operator, path: Path) -> LinearPart:
    """Find the operators that compute y.

    Args:
        graph: that the operators will be a part of.
        linear: computes the value at the start of the path.
        path: the operators after it.

    Raises:
        ConversionError: the order of y's pixels in its channels is not supported.
    """
    everything = np.arange(size(path.start))
    places = everything
    for _, taken in path.moves:
        places = places[taken]
    moves = [operator for operator, _ in path.moves]
    map_shape = (1, *_map_before_resize(path), 1)
    if not is_linear(linear):
        made = merged_sum(graph, linear) or _as_map(graph, linear, map_shape)
        return LinearPart(made, 1, moves, everything, places)
    channels = channels_of(linear)
    if channels == 1:
        made = as_convolution(graph, linear, [0], map_shape[1:3])
        return LinearPart(made, 1, moves, everything, places)
    channel = int(places[0]) % channels
    if np.array_equal(places, np.arange(channel, everything.size, channels)):
        made = as_convolution(graph, linear, [channel], map_shape[1:3])
        return LinearPart(made, 1, [], places, np.arange(places.size))
    made = _blocks(graph, linear, places)
    return LinearPart(made, round(channels**0.5), [], places, np.arange(places.size))


def _map_before_resize(path: Path) -> tuple[int, int]:
    """Return (height, width) of the network's map before resizing."""
    last = path.resizes[0].input(0) if path.resizes else path.end
    return map_size(last) or (0, 0)


def _as_map(graph: Graph, operator: Operator, shape: tuple[int, ...]) -> list[Operator]:
    """Keep a sum, and make its result a map."""
    made = copy.copy(operator)
    made.outputs = [computed(graph, f"{operator.output.name}_linear", operator.output.shape)]
    if made.output.shape in (shape, (*made.output.shape[:3], 1)):
        return [made]
    return [made, reshape(graph, made.output, shape)]


def _blocks(graph: Graph, linear: Operator, places: Places) -> list[Operator]:
    """Make a convolution whose filters are the pixels of a block, and a DEPTH_TO_SPACE.

    Raises:
        ConversionError: the pixels are in another order.
    """
    channels = channels_of(linear)
    block = round(channels**0.5)
    shape = linear.output.shape
    if len(shape) == 4 and block**2 == channels:
        height, width = shape[1], shape[2]
        order = np.arange(size(linear.output)).reshape(height, width, block, block)
        if np.array_equal(order.transpose(0, 2, 1, 3).ravel(), places):
            made = as_convolution(graph, linear, range(channels), (height, width))
            result = computed(graph, "y", (1, height * block, width * block, 1))
            spread = options("DepthToSpaceOptions", blockSize=block)
            return [*made, Operator("DEPTH_TO_SPACE", [made[-1].output], [result], spread)]
    raise ConversionError(
        f"The depth takes the {channels} channels of {linear.kind} {linear.output.name} apart in a "
        "way that is not supported: export the network with one map of depth, or convert with "
        "--head single."
    )
