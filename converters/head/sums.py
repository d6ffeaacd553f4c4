"""Rewrites the sum of several linear heads to one convolution over all their features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.fusion import fused_activation
from tfl_depth.converters.graph.kernels import features_of
from tfl_depth.converters.head.building import NONE, concatenation
from tfl_depth.converters.head.linear import Filters, filters_of, is_linear, with_filters

SUMS = frozenset({"ADD", "ADD_N", "SUB"})


@dataclass(frozen=True)
class _Term:
    """One convolution of a sum, multiplied by its factor."""

    operator: Operator
    features: Tensor
    kernel: Filters
    bias: float

    @property
    def steps(self) -> tuple[int, ...]:
        """Return strides and dilations."""
        made = self.operator.options
        return made.strideH, made.strideW, made.dilationHFactor, made.dilationWFactor

    @property
    def is_point(self) -> bool:
        """Whether its kernel is one pixel, so that its padding has no effect."""
        return self.kernel.shape[1:3] == (1, 1)


def merged_sum(graph: Graph, operator: Operator) -> list[Operator] | None:
    """Make one convolution that computes a sum of convolutions of one filter each.

    Its input is the concatenation of their features, and smaller kernels are padded with zeros. A
    separate sum would be limited to the 256 codes of its tensor.

    Args:
        graph: that the operators will be a part of.
        operator: of `SUMS`; without its activation.

    Returns:
        The operators, the convolution last; None if a term is not such a convolution, or if
        strides, paddings or sizes differ.
    """
    terms = _terms_of_sum(graph, operator, 1.0)
    if terms is None:
        return None
    largest = max(terms, key=lambda term: term.kernel[0, :, :, 0].size)
    if not all(_fits(term, largest) for term in terms):
        return None
    height, width = (max(term.kernel.shape[axis] for term in terms) for axis in (1, 2))
    kernels: dict[Tensor, Filters] = {}
    for term in terms:
        kernels[term.features] = kernels.get(term.features, 0.0) + _padded(term, height, width)
    name = f"{operator.output.name}_merged"
    made = [concatenation(graph, list(kernels), f"{name}_features")] if len(kernels) > 1 else []
    features = made[0].output if made else largest.features
    like = Operator("CONV_2D", [features, None, None], [operator.output], largest.operator.options)
    kernel = np.concatenate(list(kernels.values()), axis=3)
    bias = np.array([sum(term.bias for term in terms)])
    return [*made, with_filters(graph, like, kernel, bias, name, NONE)]


def _terms_of_sum(graph: Graph, operator: Operator, factor: float) -> list[_Term] | None:
    found: list[_Term] = []
    for place, tensor in enumerate(operator.inputs):
        each = -factor if place == 1 and operator.kind == "SUB" else factor
        terms = None if tensor is None else _terms(graph, tensor, each)
        if terms is None:
            return None
        found += terms
    return found


def _terms(graph: Graph, tensor: Tensor, factor: float) -> list[_Term] | None:
    """Return the convolutions whose sum, times the factor, is a value."""
    producer = graph.producer(tensor)
    if producer is None or fused_activation(producer):
        return None
    if producer.kind in SUMS:
        return _terms_of_sum(graph, producer, factor)
    if producer.kind == "MUL":
        factors = [t for t in producer.inputs if t is not None and t.is_constant]
        if len(factors) != 1 or factors[0].constant.size != 1:
            return None
        (scaled,) = (t for t in producer.inputs if t is not None and not t.is_constant)
        return _terms(graph, scaled, factor * float(factors[0].constant.flat[0]))
    if producer.kind != "CONV_2D" or not is_linear(producer):
        return None
    kernel, bias = filters_of(producer)
    if len(kernel) != 1:
        return None
    return [_Term(producer, features_of(producer), factor * kernel, factor * float(bias[0]))]


def _fits(term: _Term, largest: _Term) -> bool:
    """Whether the largest term's convolution can compute another one: no stride, no groups."""
    padding = term.operator.options.padding == largest.operator.options.padding
    odd = all(side % 2 == 1 for side in term.kernel.shape[1:3])
    alike = term.steps == largest.steps or term.is_point
    return (
        term.steps[:2] == (1, 1)
        and alike
        and odd
        and (padding or term.is_point)
        and term.kernel.shape[3] == term.features.shape[3]
        and term.features.shape[:3] == largest.features.shape[:3]
    )


def _padded(term: _Term, height: int, width: int) -> Filters:
    """Pad its kernel with zeros."""
    rows, columns = (height - term.kernel.shape[1]) // 2, (width - term.kernel.shape[2]) // 2
    return np.pad(term.kernel, ((0, 0), (rows, rows), (columns, columns), (0, 0)))
