"""Replaces operators that together repeat, mirror, cut or reverse an image by one operator.

Exporters write nearest resizing as reshapes and TILE, as GATHER_ND over tables of coordinates, or
as concatenations, and padding by reflection as joined slices. The source of each element shows the
operation in every case.
"""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.movement import size
from tfl_depth.converters.graph.operator_kinds import MOVING
from tfl_depth.converters.graph.rewrites.index_maps import Places, by_axis, write_axes
from tfl_depth.converters.graph.rewrites.maker import Maker, bypass
from tfl_depth.converters.graph.rewrites.regions import ends, operators_between, roots
from tfl_depth.converters.graph.run import GraphRunner

# Operators that NPUs do not support, or run slowly.
_ODD = frozenset({"BROADCAST_TO", "GATHER", "GATHER_ND", "PACK", "REVERSE_V2", "TILE"})
# float32 represents whole numbers exactly up to this one.
_LARGEST = 2**24


def recognize_moves(graph: Graph) -> int:
    """Replace operators that together only move elements by one operator, if there is one."""
    count = 0
    root_of = roots(graph, lambda operator: operator.kind in MOVING)
    for root, results in ends(graph, root_of):
        if root.dtype != np.float32 or root.is_constant:
            continue
        candidates = [tensor for tensor in results if _is_worth(graph, root, tensor)]
        if candidates and _write_first(graph, root, candidates):
            graph.remove_dead()
            count += 1
    return count


def _is_worth(graph: Graph, root: Tensor, result: Tensor) -> bool:
    if max(size(root), size(result)) >= _LARGEST or len(root.shape) != len(result.shape):
        return False
    operators = operators_between(graph, root, result)
    if len(operators) == 1:
        return operators[0].kind in _ODD - {"REVERSE_V2"} or _is_ambiguous(operators[0])
    return any(op.kind in _ODD or (len(op.inputs) > 1 and _joins(op)) for op in operators)


def _is_ambiguous(operator: Operator) -> bool:
    """Whether it is a nearest enlargement that `nearest_options` does not describe."""
    is_nearest = operator.kind == "RESIZE_NEAREST_NEIGHBOR"
    return is_nearest and (operator.options.alignCorners or not operator.options.halfPixelCenters)


def _joins(operator: Operator) -> bool:
    return operator.kind == "CONCATENATION"


def _write_first(graph: Graph, root: Tensor, candidates: list[Tensor]) -> bool:
    for result, places in _places(graph, root, candidates).items():
        axes = by_axis(places, root.shape, result.shape)
        producer = graph.producer(result)
        if axes is None or producer is None:
            continue
        if all(axis.kind == "same" for axis in axes):
            return bypass(graph, producer, root)
        maker = Maker(result)
        if write_axes(maker, root, axes):
            maker.replace(graph, producer)
            return True
    return False


def _places(graph: Graph, root: Tensor, results: list[Tensor]) -> dict[Tensor, Places]:
    """Return the indices in the root of the elements of results that only move elements."""
    run = GraphRunner(graph, results, inputs=[root])
    numbers = np.arange(1, size(root) + 1, dtype=np.float32).reshape(root.shape)
    random = np.random.default_rng(0).normal(size=root.shape).astype(np.float32)
    numbered, drawn = run({root: numbers}), run({root: random})
    found = {}
    for result in results:
        places = numbered[result].ravel().astype(np.int64) - 1
        is_inside = bool(np.all((places >= 0) & (places < numbers.size)))
        if is_inside and np.array_equal(drawn[result].ravel(), random.ravel()[places]):
            found[result] = places
    return found
