"""The choice of the depth output."""

from __future__ import annotations

from tfl_depth.converters.graph import Graph, Tensor
from tfl_depth.converters.head.tail_operators import map_size
from tfl_depth.errors import ConversionError


def choose_output(graph: Graph, name: str | None = None) -> str:
    """Keep one output of a network and the operators that it needs.

    Args:
        graph: is changed.
        name: of the output in the signature, or of its tensor; None: the output of the highest
            resolution.

    Returns:
        Its name in the signature.

    Raises:
        ConversionError: there is no such output, it is not one map, or several have the highest
            resolution.
    """
    chosen = _finest(graph) if name is None else _named(graph, name)
    if map_size(graph.outputs[chosen]) is None:
        raise ConversionError(
            f"Expected the output {chosen} to be one map of depth, as (1, H, W, 1), got the shape "
            f"{graph.outputs[chosen].shape}. {_others(graph)}"
        )
    graph.outputs = {chosen: graph.outputs[chosen]}
    graph.remove_dead()
    return chosen


def _named(graph: Graph, name: str) -> str:
    if name in graph.outputs:
        return name
    by_tensor = [key for key, tensor in graph.outputs.items() if tensor.name == name]
    if not by_tensor:
        raise ConversionError(f"The network has no output {name}. {_others(graph)}")
    return by_tensor[0]


def _finest(graph: Graph) -> str:
    if len(graph.outputs) == 1:
        return next(iter(graph.outputs))
    areas = {name: _area(tensor) for name, tensor in graph.outputs.items()}
    finest = [name for name, area in areas.items() if area == max(areas.values())]
    if max(areas.values()) == 0 or len(finest) > 1:
        raise ConversionError(
            "Expected one output, or one map of depth with the highest resolution. "
            f"{_others(graph)}"
        )
    return finest[0]


def _area(tensor: Tensor) -> int:
    height, width = map_size(tensor) or (0, 0)
    return height * width


def _others(graph: Graph) -> str:
    shapes = ", ".join(f"{name} {tensor.shape}" for name, tensor in graph.outputs.items())
    return f"The outputs are: {shapes}. Name the depth with --output-name."
