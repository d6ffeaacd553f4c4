"""The scale of every tensor of a graph: which tensors share one, and from which range it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Quantization, Tensor
from tfl_depth.converters.quantize.parameters import Range, activation_quantization
from tfl_depth.converters.quantize.rules import FIXED_INT8, FIXED_INT16, SAME_SCALE, TIED
from tfl_depth.errors import ConversionError

Scales = dict[Tensor, Quantization]


class _Classes:
    """Sets of tensors that share a scale (union-find)."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._parent = {tensor: tensor for tensor in tensors}

    def root(self, tensor: Tensor) -> Tensor:
        while self._parent[tensor] is not tensor:
            tensor = self._parent[tensor]
        return tensor

    def join(self, one: Tensor, other: Tensor) -> None:
        self._parent[self.root(other)] = self.root(one)

    def members(self) -> dict[Tensor, list[Tensor]]:
        found: dict[Tensor, list[Tensor]] = {}
        for tensor in self._parent:
            found.setdefault(self.root(tensor), []).append(tensor)
        return found


def choose_scales(
    graph: Graph, ranges: Mapping[Tensor, Range], pinned: Mapping[Tensor, Range], bits: int
) -> Scales:
    """Choose the quantization of every computed tensor of real numbers.

    Args:
        graph: a float network.
        ranges: of each computed float tensor.
        pinned: fixed ranges. Tensors that share the scale get them too.
        bits: 8 or 16.

    Raises:
        ConversionError: two pinned ranges would have to share a scale.
    """
    real = [tensor for tensor in graph.computed() if tensor.dtype == np.float32]
    fixed = _fixed(graph, bits)
    classes = _classes(graph, real, fixed, pinned)
    scales: Scales = {}
    for members in classes.members().values():
        decided = _decided(members, ranges, pinned, fixed, bits)
        scales.update(dict.fromkeys(members, decided))
    return scales


def _fixed(graph: Graph, bits: int) -> Scales:
    table = FIXED_INT8 if bits == 8 else FIXED_INT16
    return {
        op.output: Quantization((table[op.kind][0],), (table[op.kind][1],))
        for op in graph.operators
        if op.kind in table
    }


def _classes(
    graph: Graph, real: list[Tensor], fixed: Scales, pinned: Mapping[Tensor, Range]
) -> _Classes:
    classes = _Classes(real)
    known = set(real)
    for operator in graph.operators:
        if operator.kind in SAME_SCALE:
            source = operator.input(SAME_SCALE[operator.kind])
            for output in operator.outputs:
                if source in known and output in known:
                    classes.join(source, output)
    bound = {classes.root(tensor) for tensor in (*fixed, *pinned) if tensor in known}
    for operator in graph.operators:
        if operator.kind in TIED:
            _tie(graph, operator, classes, known, bound)
    return classes


def _tie(
    graph: Graph, operator: Operator, classes: _Classes, known: set[Tensor], bound: set[Tensor]
) -> None:
    """Give the output's scale to inputs that no other operator uses, to avoid a rounding."""
    for tensor in operator.inputs:
        if tensor not in known or graph.only_consumer(tensor) is not operator:
            continue
        mine, other = classes.root(tensor), classes.root(operator.output)
        if mine is other or mine in bound:
            continue
        if sum(classes.root(t) is mine for t in known) == 1:
            classes.join(operator.output, tensor)


def _decided(
    members: list[Tensor],
    ranges: Mapping[Tensor, Range],
    pinned: Mapping[Tensor, Range],
    fixed: Scales,
    bits: int,
) -> Quantization:
    pins = {pinned[tensor] for tensor in members if tensor in pinned}
    if len(pins) > 1:
        names = ", ".join(tensor.name for tensor in members if tensor in pinned)
        raise ConversionError(f"Expected one range for {names}, got {sorted(pins)}.")
    if pins:
        return activation_quantization(pins.pop(), bits)
    for tensor in members:
        if tensor in fixed:
            return fixed[tensor]
    found = [ranges[tensor] for tensor in members]
    return activation_quantization((min(r[0] for r in found), max(r[1] for r in found)), bits)
