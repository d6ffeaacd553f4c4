"""The float graph with the file's head, and with weights that are ready for int8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Tensor
from tfl_depth.converters.graph.rewrites import prepare_for_int8
from tfl_depth.converters.head import (
    Curve,
    Head,
    depth_function,
    find_head,
    measure_curve,
    place_spans,
    single_head,
    split_head,
)
from tfl_depth.converters.network import DepthNetwork
from tfl_depth.converters.ptq.progress import Progress
from tfl_depth.converters.ptq.recipe import apply_recipe
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError
from tfl_depth.format.contract_parts import HeadKind
from tfl_depth.recipes import PtqRecipe

# Photos for the range of the values before the head, and the percentiles that limit it.
_SEEN_PHOTOS, _SEEN = 16, (0.05, 99.95)

Inputs = Sequence[npt.NDArray[np.float32]]
Range = tuple[float, float]


@dataclass(frozen=True)
class HeadOptions:
    """Options of a file's head.

    Attributes:
        kind: "split" or "single".
        range_m: least and greatest depth, in meters.
        spans: of the split, if the user chose them.
        recipe: for the weights; None: they are not changed.
        integers: whether the file computes in integers.
        per_channel: whether the weights of each output channel have their own step.
        layers: output names of the operators that the recipe changes; None: all.
    """

    kind: HeadKind
    range_m: Range
    spans: Spans | None
    recipe: PtqRecipe | None
    integers: bool
    per_channel: bool
    layers: tuple[str, ...] | None


@dataclass(frozen=True)
class HeadedGraph:
    """A float graph with its head.

    Attributes:
        graph: with the file's outputs.
        spans: of the split; one span from 0 for the single head.
        most_m: the largest depth that the network can output; None if unknown.
        pinned: fixed ranges of tensors.
        exact: kernels whose weights are whole multiples of a step, and the step.
    """

    graph: Graph
    spans: Spans
    most_m: float | None
    pinned: dict[Tensor, Range]
    exact: dict[Tensor, float]


def with_head(
    network: DepthNetwork, inputs: Inputs, options: HeadOptions, progress: Progress
) -> HeadedGraph:
    """Add the head to a network, and change its weights to suit int8.

    Args:
        network: float. Its graph is changed.
        inputs: calibration photos as inputs of the graph.
        options: of the head.
        progress: shows how far slow parts have come.

    Raises:
        ConversionError: the head does not fit the network's depth.
    """
    graph = network.graph
    head = _head(graph, options)
    curve = None if head is None else _curve(network, head, inputs, options)
    if options.kind == "split" and head is not None:
        graph.outputs = {"y": head.y}
        graph.remove_dead()
    exact: dict[Tensor, float] = {}
    if options.integers:
        exact = prepare_for_int8(graph, inputs[:_SEEN_PHOTOS])
    if options.recipe is not None:
        chosen = None if options.layers is None else frozenset(options.layers)
        apply_recipe(
            graph,
            options.recipe,
            inputs,
            per_channel=options.per_channel,
            exact=exact,
            progress=progress,
            chosen=chosen,
        )
    if options.kind == "single" or head is None or curve is None:
        return _single(network, head, curve, options, exact)
    return _split(graph, head, curve, options, exact)


def _head(graph: Graph, options: HeadOptions) -> Head | None:
    if options.kind == "split":
        return find_head(graph)
    try:
        return find_head(graph)
    except ConversionError:
        # The single head keeps the network's own end.
        return None


def _curve(network: DepthNetwork, head: Head, inputs: Inputs, options: HeadOptions) -> Curve:
    runner = GraphRunner(network.graph, [head.y])
    (source,) = network.graph.inputs.values()
    found = [runner({source: image})[head.y].ravel() for image in inputs[:_SEEN_PHOTOS]]
    low, high = np.percentile(np.concatenate(found), _SEEN)
    function = depth_function(head, network.formula)
    count = None if options.spans is None else options.spans.count
    return measure_curve(function, (float(low), float(high)), options.range_m, count=count)


def _split(
    graph: Graph, head: Head, curve: Curve, options: HeadOptions, exact: dict[Tensor, float]
) -> HeadedGraph:
    edges_m = None if options.spans is None else options.spans.edges_m
    placed = place_spans(curve, edges_m=edges_m)
    made = split_head(graph, head, placed, per_channel=options.per_channel)
    spans = Spans(placed.edges_m, placed.curves_m)
    return HeadedGraph(graph, spans, curve.ends_m[1], made.pinned, {**exact, **made.exact})


def _single(
    network: DepthNetwork,
    head: Head | None,
    curve: Curve | None,
    options: HeadOptions,
    exact: dict[Tensor, float],
) -> HeadedGraph:
    max_depth_m = options.range_m[1]
    made = single_head(
        network.graph,
        head,
        curve,
        network.formula,
        max_depth_m=max_depth_m,
        integers=options.integers,
    )
    most_m = None if curve is None else curve.ends_m[1]
    return HeadedGraph(network.graph, Spans((0.0, max_depth_m)), most_m, made.pinned, exact)
