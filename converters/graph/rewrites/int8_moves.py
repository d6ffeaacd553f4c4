"""Moves of elements in the forms that every interpreter and an Ethos-U have.

DEPTH_TO_SPACE and SPACE_TO_DEPTH are no operators of Vela's, and the reference kernels of
tflite-runtime 2.14 lack the first; a transposition of four dimensions does the same everywhere.
RESIZE_NEAREST_NEIGHBOR enlarges by 2, 4 or 8 on U55 and U65.
"""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Graph, Operator
from tfl_depth.converters.graph.rewrites.maker import Maker

_LARGEST_FACTOR = 8
_SWAPPED = (0, 2, 1, 3)


def write_block_moves(graph: Graph) -> int:
    """Write DEPTH_TO_SPACE and SPACE_TO_DEPTH as reshapes around a transposition."""
    kinds = {"DEPTH_TO_SPACE": _depth_to_space, "SPACE_TO_DEPTH": _space_to_depth}
    found = [op for op in graph.operators if op.kind in kinds]
    for operator in found:
        maker = Maker(operator.output)
        kinds[operator.kind](maker, operator)
        maker.replace(graph, operator)
    return len(found)


def _depth_to_space(maker: Maker, operator: Operator) -> None:
    block = operator.options.blockSize
    batch, height, width, channels = operator.input(0).shape
    inner = (batch * height, width, block, channels // block)
    made = maker.transpose(maker.reshape(operator.input(0), inner), _SWAPPED)
    maker.reshape(made, operator.output.shape)


def _space_to_depth(maker: Maker, operator: Operator) -> None:
    block = operator.options.blockSize
    batch, height, width, channels = operator.output.shape
    inner = (batch * height, block, width, channels // block)
    made = maker.transpose(maker.reshape(operator.input(0), inner), _SWAPPED)
    maker.reshape(made, operator.output.shape)


def split_enlarging(graph: Graph) -> int:
    """Enlarge by more than 8 in two steps or more, where the factor is a power of two."""
    count = 0
    for operator in [op for op in graph.operators if op.kind == "RESIZE_NEAREST_NEIGHBOR"]:
        factor = _factor(operator)
        if factor is None or factor <= _LARGEST_FACTOR or factor & (factor - 1):
            continue
        maker = Maker(operator.output)
        made = operator.input(0)
        while factor > 1:
            step = min(factor, _LARGEST_FACTOR)
            batch, height, width, channels = made.shape
            sides = (height * step, width * step)
            shape = (batch, *sides, channels)
            inputs = [made, maker.constant(sides, np.int32)]
            made_options = options("ResizeNearestNeighborOptions")
            made = maker.apply("RESIZE_NEAREST_NEIGHBOR", inputs, shape, made_options)
            factor //= step
        maker.replace(graph, operator)
        count += 1
    return count


def _factor(operator: Operator) -> int | None:
    """By how much rows and columns grow alike, from more than one pixel; else None."""
    before, after = operator.input(0).shape[1:3], operator.output.shape[1:3]
    height, width = (big / small for big, small in zip(after, before, strict=True))
    is_one = before == (1, 1) or operator.options.alignCorners
    return int(height) if height == width == int(height) and not is_one else None
