"""The split head: three convolutions compute the whole spans and the position in a span.

From y, for spans that begin at the edges e_k:

    t_k        = relu6(6 (y - e_k) / w_k)   the last convolution, once a span: a thermometer
    integer    = sum t_k / 6 - bias         1x1 convolution: how many spans are full
    fractional = sum (-1)^k t_k / 6         1x1 convolution: a triangle wave of y

with pinned ranges, so that every int8 weight of the sums is exact. `tfl_depth.encoding` is the
inverse. Depth ascends along the spans; where it falls with y, the edges descend and the widths
w_k = e_k+1 - e_k are negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, Tensor, options
from tfl_depth.converters.graph.kernels import kernel_of
from tfl_depth.converters.head.building import (
    NONE,
    RELU6,
    computed,
    concatenation,
    pointwise_convolution,
)
from tfl_depth.converters.head.depth_function import Values
from tfl_depth.converters.head.find import Head, convolution_of
from tfl_depth.converters.head.linear import filters_of, with_filters
from tfl_depth.converters.head.spans import HeadSpans
from tfl_depth.converters.head.tail import moved
from tfl_depth.encoding import CODES

FULL = 6.0
# Filters with the same gain share one scale of weights exactly.
_ONE_GAIN = 1 + 1e-6
_LARGEST_WEIGHT_CODE = 127
# Inputs of a CONCATENATION that TensorFlow Lite Micro takes (`kMaxInputNum` of its kernel).
_MOST_JOINED = 10

Range = tuple[float, float]


@dataclass(frozen=True)
class SplitHead:
    """A split head in its graph.

    Attributes:
        integer, fractional: (1, H, W, 1), the graph's outputs of these names.
        filling: the convolutions of the thermometer: one, or one for each gain.
        pinned: fixed ranges of tensors, which make the codes exact.
        exact: kernels whose weights are whole multiples of a step, and the step.
        wide: tensors whose 256 codes limit depth in int8, since y could not be copied for each
            span.
    """

    integer: Tensor
    fractional: Tensor
    filling: tuple[Operator, ...]
    pinned: dict[Tensor, Range]
    exact: dict[Tensor, float]
    wide: tuple[Tensor, ...]


def split_head(
    graph: Graph, head: Head, spans: HeadSpans, *, per_channel: bool = True
) -> SplitHead:
    """Replace a network's depth by the outputs `integer` and `fractional`.

    Args:
        graph: of the head; is changed.
        head: its end (see `find_head`).
        spans: to count.
        per_channel: whether each filter has its own scale. Without it, each gain gets its own
            convolution, so that each has a fitting scale.
    """
    edges = np.asarray(spans.edges_y)
    gains = FULL / np.diff(edges)
    groups = [np.arange(spans.count)] if per_channel else _by_gain(gains)
    convolution = convolution_of(graph, head)
    parts = []
    for group in groups:
        parts.append(_fill(graph, head, convolution, edges[group], gains[group]))
        # Now, so that the next part's tensors get other names.
        graph.operators += parts[-1]
    made = [operator for part in parts for operator in part]
    made += _joined(graph, [part[-1].output for part in parts])
    order = np.concatenate(groups)
    signs = np.where(order % 2 == 0, 1.0, -1.0)
    sums = {
        "integer": _sum(
            graph, made[-1].output, np.ones(order.size), -spans.integer_bias, "integer"
        ),
        "fractional": _sum(graph, made[-1].output, signs, 0.0, "fractional"),
    }
    pinned: dict[Tensor, Range] = {operator.output: (0.0, FULL) for operator in made}
    if convolution is None:
        pinned[head.y] = (float(edges.min()), float(edges.max()))
    upper = {"integer": CODES / spans.codes_per_span, "fractional": 1.0}
    for name, total in sums.items():
        ends = _with_moves(graph, head, total)
        pinned |= {operator.output: (0.0, upper[name]) for operator in ends}
        graph.outputs[name] = ends[-1].output
    graph.outputs = {name: graph.outputs[name] for name in sums}
    graph.remove_dead()
    return SplitHead(
        integer=graph.outputs["integer"],
        fractional=graph.outputs["fractional"],
        filling=tuple(part[0] for part in parts),
        pinned=pinned,
        exact={kernel_of(op): 1 / FULL / _LARGEST_WEIGHT_CODE for op in sums.values()},
        wide=(head.y,) if convolution is None else (),
    )


def _by_gain(gains: Values) -> list[npt.NDArray[np.intp]]:
    """Group the indices of equal gains."""
    sizes = np.abs(gains)
    left = np.argsort(-sizes, kind="stable")
    groups = []
    while left.size:
        alike = sizes[left] * _ONE_GAIN >= sizes[left[0]]
        groups.append(np.sort(left[alike]))
        left = left[~alike]
    return groups


def _fill(
    graph: Graph, head: Head, convolution: Operator | None, edges: Values, gains: Values
) -> list[Operator]:
    """Make the operators of some spans' thermometer, the convolution first."""
    if convolution is None:
        kernel, bias = gains[:, None], -edges * gains
        return [pointwise_convolution(graph, head.y, kernel, bias, "thermometer", RELU6)]
    kernel, bias = filters_of(convolution)
    # The order of DEPTH_TO_SPACE: filters of a block, and spans for each filter.
    kernel = (kernel[:, None] * gains[None, :, None, None, None]).reshape(-1, *kernel.shape[1:])
    bias = ((bias[:, None] - edges) * gains).ravel()
    fuses = convolution.kind == "CONV_2D"
    activation = RELU6 if fuses else NONE
    made = [with_filters(graph, convolution, kernel, bias, "thermometer", activation)]
    if not fuses:
        result = computed(graph, "thermometer_relu6", made[-1].output.shape)
        made.append(Operator("RELU6", [made[-1].output], [result]))
    if head.block > 1:
        result = computed(graph, "thermometer_map", (*head.y.shape[:3], len(gains)))
        spread = options("DepthToSpaceOptions", blockSize=head.block)
        made.append(Operator("DEPTH_TO_SPACE", [made[-1].output], [result], spread))
    return made


def _joined(graph: Graph, parts: list[Tensor]) -> list[Operator]:
    """Append what joins the parts of a thermometer to one tensor, in their order."""
    made: list[Operator] = []
    while len(parts) > 1:
        first = concatenation(graph, parts[:_MOST_JOINED], "thermometer")
        graph.operators.append(first)
        made.append(first)
        parts = [first.output, *parts[_MOST_JOINED:]]
    return made


def _sum(graph: Graph, thermometer: Tensor, signs: Values, bias: float, name: str) -> Operator:
    return pointwise_convolution(graph, thermometer, signs[None] / FULL, [bias], name)


def _with_moves(graph: Graph, head: Head, convolution: Operator) -> list[Operator]:
    """Append a convolution, and the operators that cut or flip its map."""
    made = [convolution]
    for operator in head.moves:
        made.append(moved(graph, operator, made[-1].output))
    graph.operators += made
    return made
