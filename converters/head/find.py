"""Finds the last linear value y of a network, with depth = g(y) at every pixel."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.fusion import fused_activation
from tfl_depth.converters.head.bins import sum_to_convolution
from tfl_depth.converters.head.building import computed
from tfl_depth.converters.head.linear import is_linear
from tfl_depth.converters.head.linear_part import linear_part
from tfl_depth.converters.head.tail import add_moves, add_tail, prove_tail
from tfl_depth.converters.head.tail_operators import map_size
from tfl_depth.converters.head.walk import BlockedError, Path, walk_back
from tfl_depth.errors import ConversionError


@dataclass(frozen=True)
class Head:
    """The end of a network.

    Attributes:
        y: (1, H, W, 1), the last linear value.
        operator: the convolution that computes y. It has one filter, or, before a DEPTH_TO_SPACE,
            one filter for each pixel of a block. None if y is a sum of several values.
        block: side of that block; 1 without one.
        tail: the operators from y to `raw`; each is a function of single pixels.
        raw: (1, H, W, 1), the result of the tail.
        moves: operators from `raw` to `output` that cut or flip the map.
        output: (1, H, W, 1), the graph's output.
        full_size: (height, width) of the network's own output.
        dropped: resizes after the head, as "RESIZE_BILINEAR to 480x640".
    """

    y: Tensor
    operator: Operator | None
    block: int
    tail: tuple[Operator, ...]
    raw: Tensor
    moves: tuple[Operator, ...]
    output: Tensor
    full_size: tuple[int, int]
    dropped: tuple[str, ...]


def convolution_of(graph: Graph, head: Head) -> Operator | None:
    """Return the convolution that computes y after rewrites; None without one."""
    if head.operator is None or head.operator in graph.operators:
        return head.operator
    producer = graph.producer(head.y)
    if producer is not None and head.block > 1:
        producer = graph.producer(producer.input(0))
    if producer is None or producer.kind not in ("CONV_2D", "TRANSPOSE_CONV"):
        return None
    return producer if is_linear(producer) and fused_activation(producer) is None else None


def find_head(graph: Graph) -> Head:
    """Find y, and remove resizes after it, so that the tail works pixel by pixel.

    Args:
        graph: with one output (see `choose_output`). It is changed: its output is then the depth,
            without formulas, at the resolution of the computation.

    Raises:
        ConversionError: the depth is not a function of one linear value at each pixel. The text
            names the operator.
    """
    ((name, output),) = graph.outputs.items()
    path = _walk_back(graph, output)
    linear = _take_off_activation(graph, path)
    part = linear_part(graph, linear, path)
    graph.operators += part.operators
    y = part.operators[-1].output
    tail = add_tail(graph, path, y)
    raw = tail[-1].output if tail else y
    prove_tail(graph, path, part, raw)
    moves = add_moves(graph, raw, part.moves)
    graph.outputs = {name: moves[-1].output if moves else raw}
    graph.remove_dead()
    graph.sort()
    return Head(
        y=y,
        operator=next((op for op in reversed(part.operators) if is_linear(op)), None),
        block=part.block,
        tail=tuple(tail),
        raw=raw,
        moves=tuple(moves),
        output=graph.outputs[name],
        full_size=map_size(output) or (y.shape[1], y.shape[2]),
        dropped=tuple(f"{op.kind} to {_size(op.output)}" for op in path.resizes),
    )


def _walk_back(graph: Graph, output: Tensor) -> Path:
    while True:
        try:
            return walk_back(graph, output)
        except BlockedError as blocked:
            if blocked.operator is None or not sum_to_convolution(graph, blocked.operator):
                raise ConversionError(
                    f"The depth is not a function of one linear value at each pixel: {blocked}. "
                    "Convert with --head single, which keeps the network's end as it is."
                ) from None


def _take_off_activation(graph: Graph, path: Path) -> Operator:
    """Separate the fused activation of the path's first operator, and add it to the path.

    Returns:
        That operator, without the activation.
    """
    linear = graph.producer(path.start)
    if linear is None:
        raise ValueError(f"Expected {path.start.name} to be computed.")
    kind = fused_activation(linear)
    if kind is None:
        return linear
    plain = computed(graph, f"{path.start.name}_plain", path.start.shape)
    activation = Operator(kind, [plain], [path.start])
    made = copy.copy(linear)
    made.options = copy.deepcopy(linear.options)
    made.options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    made.outputs = [plain]
    graph.replace(linear, [made, activation])
    path.start = plain
    path.operators.insert(0, activation)
    return made


def _size(tensor: Tensor) -> str:
    return f"{tensor.shape[1]}x{tensor.shape[2]}"
