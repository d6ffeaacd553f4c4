"""The float graph with the head that the file will have, its weights ready for int8."""

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

# Photos by which the values in front of the head are known, and their outermost percentiles.
_SEEN_PHOTOS, _SEEN = 16, (0.05, 99.95)

Inputs = Sequence[npt.NDArray[np.float32]]
Range = tuple[float, float]


@dataclass(frozen=True)
class HeadOptions:
    """What head a file shall have.

    Attributes:
        kind: "split" or "single".
        range_m: least and greatest depth, in meters.
        spans: of the split, where they are given.
        recipe: what is done to the weights; None: nothing.
        integers: whether the file will compute in integers.
        per_channel: whether each output channel's weights will have a step of their own.
        layers: output names of the operators that the recipe works on; None: all.
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
        graph: its outputs are the file's.
        spans: that its outputs code; of the single head one from 0 on.
        most_m: the greatest depth that the network can give at all, or None where it is not known.
        pinned: ranges that tensors must have.
        exact: the step of kernels whose weights are whole multiples of it.
    """

    graph: Graph
    spans: Spans
    most_m: float | None
    pinned: dict[Tensor, Range]
    exact: dict[Tensor, float]


def with_head(
    network: DepthNetwork, inputs: Inputs, options: HeadOptions, progress: Progress
) -> HeadedGraph:
    """Give a network its head, and its weights the values that int8 can hold best.

    Args:
        network: float; its graph is changed.
        inputs: calibration photos as the graph takes them.
        options: what head.
        progress: shows how far slow parts have come.

    Raises:
        ConversionError: the network's depth is not of a form that the head can have.
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
        # The single head keeps whatever end a network has.
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
