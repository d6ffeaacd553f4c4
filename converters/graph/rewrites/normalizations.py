"""Finds layer, group, instance and root-mean-square normalization by what they compute.

Exporters write them in different ways: mean and variance, squared differences, or the mean of
squares minus the square of the mean; 1 / sqrt or division; factor and offset before or after the
subtraction. So this module searches square roots, and runs the operators around them to test
whether they normalize.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.movement import size
from tfl_depth.converters.graph.operator_kinds import SHAPING, kinds
from tfl_depth.converters.graph.rewrites.dominators import Dominators
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.normalization_probe import (
    Normalized,
    Places,
    Values,
    fit,
    samples,
    spans,
)
from tfl_depth.converters.graph.run import GraphRunner

_ROOTS = frozenset({"RSQRT", "SQRT"})
# Operators that may be between the root and the normalized result.
_BEHIND = kinds(
    "ADD BROADCAST_TO DIV EXPAND_DIMS MAXIMUM MINIMUM MUL NEG RELU RESHAPE RESIZE_NEAREST_NEIGHBOR "
    "SQUEEZE SUB TILE TRANSPOSE"
)
_FEW = 8


@dataclass(frozen=True)
class NormalizationLayer:
    """y = (x - mean) / sqrt(variance + epsilon) * factor + offset.

    Attributes:
        x, y: of one shape.
        axes: of x, over which each mean is computed.
        groups: number of channel groups; 1 if `axes` describe the means completely.
        channel_axis: of x.
        centered: False: no mean is subtracted, and the mean of squares replaces the variance.
        epsilon: added to the variance.
        factor, offset: (channels,).
    """

    x: Tensor
    y: Tensor
    axes: tuple[int, ...]
    groups: int
    channel_axis: int
    centered: bool
    epsilon: float
    factor: Values
    offset: Values


def find_normalization(graph: Graph, root: Operator) -> NormalizationLayer | None:
    """Return the largest normalization around a square root, or None."""
    links, dominators = Links(graph), Dominators(graph)
    behind = _behind(links, root)
    largest = None
    for x in _sources(dominators, root):
        results = [y for y in behind if y.shape == x.shape and x in dominators.line(y)]
        found = _probe(graph, root, links, x, results[::-1]) if results else None
        # Centered values would be found as normalized too, so the search goes back to x.
        if found is None and largest is not None:
            break
        largest = found or largest
    return largest


def is_root(operator: Operator) -> bool:
    """Whether an operator is a square root of real numbers."""
    return operator.kind in _ROOTS and operator.output.dtype == np.float32


def _sources(dominators: Dominators, root: Operator) -> list[Tensor]:
    """Return the tensors that may be the normalized one, the nearest first."""
    line = [t for t in dominators.line(root.output) if size(t) > size(root.output)]
    return line[:_FEW]


def _behind(links: Links, root: Operator) -> list[Tensor]:
    """Return the results of plain arithmetic on the root, the nearest first."""
    found = [root.output]
    for tensor in found:
        if len(found) > 2 * _FEW:
            break
        for consumer in links.consumers(tensor):
            if consumer.kind in _BEHIND and consumer.output not in found:
                found.append(consumer.output)
    return found


def _probe(
    graph: Graph, root: Operator, links: Links, x: Tensor, results: list[Tensor]
) -> NormalizationLayer | None:
    last = len(x.shape) - 1
    places = {axis: Places(x.shape, axis) for axis in ((last, 1) if last > 1 else (last,))}
    values = samples(x)
    given = _run(graph, x, values, results, places)
    count = size(root.output)
    epsilons = _epsilons(links, root, size(x) // count)
    for span in spans(x.shape, count):
        normalized = {a: Normalized(values, span, places[a]) for a in span.channel_axes(x)}
        for y, axis in product(results, normalized):
            for centered, epsilon in product((True, False), epsilons):
                fitted = fit(normalized[axis].by(centered, epsilon), given[y, axis])
                if fitted is not None:
                    parts = span.axes, span.groups, axis, centered, epsilon
                    return NormalizationLayer(x, y, *parts, *fitted)
    return None


def _run(
    graph: Graph,
    x: Tensor,
    values: list[npt.NDArray[np.float32]],
    results: list[Tensor],
    places: dict[int, Places],
) -> dict[tuple[Tensor, int], Values]:
    """Compute the results for each sample, at the places of each axis."""
    run = GraphRunner(graph, results, inputs=[x])
    found: dict[tuple[Tensor, int], list[Values]] = {key: [] for key in product(results, places)}
    for value in values:
        outputs = run({x: value})
        for y, axis in found:
            found[y, axis].append(places[axis].take(outputs[y]))
    return {key: np.stack(each) for key, each in found.items()}


def _epsilons(links: Links, root: Operator, each: int) -> list[float]:
    """Return the possible epsilons.

    Epsilon is the constant before the root, for a variance divided by N, N - 1 or 1.
    """
    before = links.producer(root.input(0))
    while before is not None and before.kind in SHAPING:
        before = links.producer(before.input(0))
    constants = [] if before is None else [t for t in before.inputs if t is not None]
    numbers = [t.constant.item() for t in constants if t.is_constant and t.constant.size == 1]
    if before is None or before.kind not in ("ADD", "MAXIMUM") or not numbers:
        return [0.0]
    epsilon = float(numbers[0])
    found = [epsilon, epsilon / each, epsilon * (each - 1) / each, 0.0]
    return list(dict.fromkeys(found))
