"""Layer, group, instance and root-mean-square normalization, told by what they compute.

Every exporter takes them apart in a way of its own: mean and variance, or squared differences, the
mean of squares less the square of the mean; 1 / sqrt or division; factor and offset before or after
the subtraction. So a square root is looked for, and whether what is around it normalizes is found
by running it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.kinds import SHAPING
from tfl_depth.converters.graph.movement import size
from tfl_depth.converters.graph.rewrites.dominators import Dominators
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.run import GraphRunner

Values = npt.NDArray[np.float64]

_ROOTS = frozenset({"RSQRT", "SQRT"})
# What may stand between the root and the normalized result.
_ARITHMETIC = frozenset({"ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "NEG", "RELU", "SUB"})
_BEHIND = _ARITHMETIC | SHAPING | {"TRANSPOSE"}
_FEW, _SAMPLES = 12, 6
# Of the largest value: what float32 may differ by.
_TOLERANCE = 3e-5


@dataclass(frozen=True)
class Normalization:
    """y = (x - mean) / sqrt(variance + epsilon) * factor + offset.

    Attributes:
        x, y: of one shape.
        axes: of x that each mean is taken over.
        groups: into which the channels fall; 1 where `axes` says all.
        channel_axis: of x.
        centered: False: no mean is subtracted, and the mean of squares stands for the variance.
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


def find_normalization(graph: Graph, root: Operator) -> Normalization | None:
    """The normalization that a square root belongs to, as large as it can be, or None."""
    links, dominators = Links(graph), Dominators(graph)
    behind = _behind(links, root)
    for x in _sources(dominators, root):
        results = [y for y in behind if y.shape == x.shape and x in dominators.line(y)]
        found = _probe(graph, root, links, x, results[::-1]) if results else None
        if found is not None:
            return found
    return None


def is_root(operator: Operator) -> bool:
    """Whether an operator is a square root of real numbers."""
    return operator.kind in _ROOTS and operator.output.dtype == np.float32


def _sources(dominators: Dominators, root: Operator) -> list[Tensor]:
    """Tensors that may be what is normalized, the farthest first."""
    line = [t for t in dominators.line(root.output) if size(t) > size(root.output)]
    return line[:_FEW][::-1]


def _behind(links: Links, root: Operator) -> list[Tensor]:
    """What plain arithmetic makes of the root, near ones first."""
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
) -> Normalization | None:
    samples = _samples(x)
    run = GraphRunner(graph, results, inputs=[x])
    outputs = [run({x: sample}) for sample in samples]
    for way in _ways(links, root, x):
        normal = np.stack([way.apply(sample.astype(np.float64)) for sample in samples])
        for y in results:
            given = np.stack([output[y].astype(np.float64) for output in outputs])
            for axis in _channel_axes(x, way):
                fitted = _fit(normal, given, axis + 1)
                if fitted is not None:
                    groups = way.groups
                    return Normalization(
                        x, y, way.axes, groups, axis, way.centered, way.epsilon, *fitted
                    )
    return None


def _samples(x: Tensor) -> list[npt.NDArray[np.float32]]:
    """Random values whose mean and spread differ from place to place."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(_SAMPLES):
        spread, mean = random.uniform(0.3, 2, x.shape), random.normal(size=x.shape)
        found.append((random.normal(size=x.shape) * spread + mean).astype(np.float32))
    return found


@dataclass(frozen=True)
class _Way:
    """One way to normalize that the sizes allow."""

    axes: tuple[int, ...]
    groups: int
    channel_axis: int
    centered: bool
    epsilon: float

    def apply(self, value: Values) -> Values:
        shape = value.shape
        grouped = value.reshape(self._grouped(shape))
        axes = self._grouped_axes()
        if self.centered:
            grouped = grouped - grouped.mean(axis=axes, keepdims=True)
        squares = (grouped**2).mean(axis=axes, keepdims=True)
        return (grouped / np.sqrt(squares + self.epsilon)).reshape(shape)

    def _grouped(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.groups == 1:
            return shape
        axis = self.channel_axis
        inner = shape[axis] // self.groups
        return (*shape[:axis], self.groups, inner, *shape[axis + 1 :])

    def _grouped_axes(self) -> tuple[int, ...]:
        if self.groups == 1:
            return self.axes
        axis = self.channel_axis
        return tuple(a + 1 if a >= axis else a for a in self.axes)


def _ways(links: Links, root: Operator, x: Tensor) -> Iterator[_Way]:
    """Ways that give as many statistics as the root has."""
    count = size(root.output)
    each = size(x) // count
    epsilons = _epsilons(links, root, each)
    spans = [*_spans(x.shape, each), *_group_spans(x.shape, count)]
    for (axes, groups, axis), centered, epsilon in product(spans, (True, False), epsilons):
        yield _Way(axes, groups, axis, centered, epsilon)


def _spans(shape: tuple[int, ...], each: int) -> Iterator[tuple[tuple[int, ...], int, int]]:
    wide = [axis for axis, side in enumerate(shape) if side > 1]
    for length in range(1, len(wide) + 1):
        for axes in combinations(wide, length):
            if np.prod([shape[axis] for axis in axes]) == each:
                yield axes, 1, len(shape) - 1


def _group_spans(shape: tuple[int, ...], groups: int) -> Iterator[tuple[tuple[int, ...], int, int]]:
    last = len(shape) - 1
    for axis in (last, 1):
        others = range(1, last) if axis == last else range(2, last + 1)
        channels = shape[axis]
        if len(shape) > 2 and 1 < groups < channels and channels % groups == 0:
            yield (*sorted((*others, axis)),), groups, axis


def _epsilons(links: Links, root: Operator, each: int) -> list[float]:
    """What may be added to the variance.

    It is the constant in front of the root, for a variance that divides by N, N - 1 or not at all.
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


def _channel_axes(x: Tensor, way: _Way) -> tuple[int, ...]:
    if way.groups > 1:
        return (way.channel_axis,)
    return (len(x.shape) - 1, 1) if len(x.shape) > 2 else (len(x.shape) - 1,)


def _fit(normal: Values, given: Values, axis: int) -> tuple[Values, Values] | None:
    """Factor and offset of each channel, if they are all that is between two arrays."""
    others = tuple(i for i in range(normal.ndim) if i != axis)
    means = normal.mean(axis=others, keepdims=True), given.mean(axis=others, keepdims=True)
    spread = ((normal - means[0]) ** 2).mean(axis=others, keepdims=True)
    shared = ((normal - means[0]) * (given - means[1])).mean(axis=others, keepdims=True)
    factor = shared / np.maximum(spread, 1e-12)
    offset = means[1] - factor * means[0]
    error = np.abs(normal * factor + offset - given).max()
    if not error <= _TOLERANCE * np.abs(given).max() or not np.abs(factor).max() > 0:
        return None
    return factor.ravel(), offset.ravel()
