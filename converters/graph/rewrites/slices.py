"""Operators that select a range along one axis: slices, splits and others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfl_depth.converters.graph.graph import Operator, Tensor


@dataclass(frozen=True)
class Part:
    """A range of a tensor along one axis.

    Attributes:
        axis: of the tensor.
        begin, size: the range.
        output: the selected tensor. Its shape may lack the axis.
    """

    axis: int
    begin: int
    size: int
    output: Tensor


def parts_of(operator: Operator, source: Tensor) -> list[Part] | None:
    """Return the ranges of `source` that an operator selects; None for other operators."""
    find = _FINDERS.get(operator.kind)
    if find is None or any(t.is_constant for t in operator.outputs):
        return None
    data = operator.input(1 if operator.kind == "SPLIT" else 0)
    others = [t for t in operator.inputs if t is not None and t is not data]
    if data is not source or not all(tensor.is_constant for tensor in others):
        return None
    return find(operator, source)


def _slice(operator: Operator, source: Tensor) -> list[Part] | None:
    begins = np.atleast_1d(operator.input(1).constant)
    return _one_axis(source, operator.output, [int(begin) for begin in begins])


def _strided_slice(operator: Operator, source: Tensor) -> list[Part] | None:
    begins, ends, steps = (np.atleast_1d(t.constant) for t in map(operator.input, (1, 2, 3)))
    made = operator.options
    if (
        np.any(steps != 1)
        or made.ellipsisMask
        or made.newAxisMask
        or len(begins) > len(source.shape)
    ):
        return None
    ranges = []
    for axis, size in enumerate(source.shape):
        begin, end, _ = slice(
            None if _masked(made.beginMask, axis, begins) else int(begins[axis]),
            None if _masked(made.endMask, axis, ends) else int(ends[axis]),
        ).indices(size)
        if made.shrinkAxisMask >> axis & 1:
            begin = int(begins[axis]) % size
            end = begin + 1
        ranges.append((begin, end - begin))
    return _from_ranges(source, operator.output, ranges)


def _masked(mask: int, axis: int, values: np.ndarray) -> bool:
    return bool(mask >> axis & 1) or axis >= len(values)


def _one_axis(source: Tensor, output: Tensor, begins: list[int]) -> list[Part] | None:
    return _from_ranges(source, output, list(zip(begins, output.shape, strict=True)))


def _from_ranges(
    source: Tensor, output: Tensor, ranges: list[tuple[int, int]]
) -> list[Part] | None:
    cut = [axis for axis, (_, size) in enumerate(ranges) if size != source.shape[axis]]
    if len(cut) != 1:
        return None
    begin, size = ranges[cut[0]]
    return [Part(cut[0], begin, size, output)]


def _split(operator: Operator, source: Tensor) -> list[Part] | None:
    place = 0 if operator.kind == "SPLIT" else 2
    axis = int(operator.input(place).constant.item()) % len(source.shape)
    return _in_a_row(operator, axis, [tensor.shape[axis] for tensor in operator.outputs])


def _unpack(operator: Operator, source: Tensor) -> list[Part] | None:
    axis = operator.options.axis % len(source.shape)
    return _in_a_row(operator, axis, [1] * len(operator.outputs))


def _in_a_row(operator: Operator, axis: int, sizes: list[int]) -> list[Part]:
    begins = np.cumsum([0, *sizes]).tolist()
    return [
        Part(axis, begin, size, output)
        for begin, size, output in zip(begins, sizes, operator.outputs, strict=False)
    ]


def _gather(operator: Operator, source: Tensor) -> list[Part] | None:
    indices = np.atleast_1d(operator.input(1).constant)
    if operator.options.batchDims or np.any(np.diff(indices) != 1):
        return None
    axis = operator.options.axis % len(source.shape)
    begin = int(indices[0]) % source.shape[axis]
    return [Part(axis, begin, len(indices), operator.output)]


_FINDERS = {
    "GATHER": _gather,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "STRIDED_SLICE": _strided_slice,
    "UNPACK": _unpack,
}
