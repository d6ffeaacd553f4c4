"""Rewrites moves of elements to forms that every interpreter and an Ethos-U support.

Vela does not support DEPTH_TO_SPACE and SPACE_TO_DEPTH, and the reference kernels of
tflite-runtime 2.14 lack the first; a transposition of four dimensions does the same everywhere.
RESIZE_NEAREST_NEIGHBOR enlarges by 2, 4 or 8 on U55 and U65, and TRANSPOSE_CONV by 2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Graph, Operator
from tfl_depth.converters.graph.rewrites.channel_order import gathered_channels
from tfl_depth.converters.graph.rewrites.index_maps import nearest_options
from tfl_depth.converters.graph.rewrites.maker import Maker

_LARGEST_FACTOR, _LARGEST_STRIDE = 8, 2
_SWAPPED = (0, 2, 1, 3)


def write_block_moves(graph: Graph) -> int:
    """Rewrite DEPTH_TO_SPACE and SPACE_TO_DEPTH to reshapes around a transposition."""
    kinds = {"DEPTH_TO_SPACE": _depth_to_space, "SPACE_TO_DEPTH": _space_to_depth}
    found = [op for op in graph.operators if op.kind in kinds]
    for operator in found:
        maker = Maker(operator.output)
        kinds[operator.kind](maker, operator)
        maker.replace(graph, operator)
    return len(found)


def write_channel_gathers(graph: Graph) -> int:
    """Rewrite a GATHER that interleaves channels to a transposition of two dimensions.

    U55 and U65 have no GATHER.
    """
    count = 0
    for operator in [op for op in graph.operators if op.kind == "GATHER"]:
        x, places = operator.input(0), gathered_channels(operator)
        block = None if places is None else _dealt(places)
        if block is None or x.shape != operator.output.shape:
            continue
        maker = Maker(operator.output)
        inner = (*x.shape[:-1], block, x.shape[-1] // block)
        last = len(x.shape)
        made = maker.transpose(maker.reshape(x, inner), (*range(last - 1), last, last - 1))
        maker.reshape(made, x.shape)
        maker.replace(graph, operator)
        count += 1
    return count


def _dealt(places: npt.NDArray[np.intp]) -> int | None:
    """Return the number of rows of the matrix with these places column by column, or None."""
    rows = int(np.argmax(places == 1))
    if rows < 2 or places.size % rows:
        return None
    numbers = np.arange(places.size).reshape(rows, -1)
    return rows if np.array_equal(numbers.T.ravel(), places) else None


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


def write_block_deconvolutions(graph: Graph) -> int:
    """Rewrite transposed convolutions of disjoint blocks above 2x2 to 1x1 convolutions.

    A convolution computes all channels of a block for each pixel.
    """
    count = 0
    for operator in [op for op in graph.operators if op.kind == "TRANSPOSE_CONV"]:
        kernel, made = operator.input(1), operator.options
        block = made.strideH
        blocks = kernel.shape[1:3] == (made.strideH, made.strideW) == (block, block)
        if not blocks or block <= _LARGEST_STRIDE or not kernel.is_constant:
            continue
        maker = Maker(operator.output)
        _deconvolve(maker, operator, block)
        maker.replace(graph, operator)
        count += 1
    return count


def _deconvolve(maker: Maker, operator: Operator, block: int) -> None:
    x, kernel = operator.input(2), operator.input(1).constant
    outputs, _, _, inputs = kernel.shape
    weights = kernel.transpose(1, 2, 0, 3).reshape(-1, 1, 1, inputs)
    bias = operator.inputs[3] if len(operator.inputs) > 3 else None
    offsets = np.zeros(outputs) if bias is None else bias.constant
    batch, height, width, _ = x.shape
    made = options("Conv2DOptions", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    operands = [x, maker.constant(weights), maker.constant(np.tile(offsets, block * block))]
    flat = maker.apply("CONV_2D", operands, (batch, height, width, len(weights)), made)
    inner = (batch * height, width, block, block * outputs)
    swapped = maker.transpose(maker.reshape(flat, inner), _SWAPPED)
    maker.reshape(swapped, operator.output.shape)


def split_enlarging(graph: Graph) -> int:
    """Enlarge by more than 8 in several steps, if the factor is a power of two."""
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
            made = maker.apply("RESIZE_NEAREST_NEIGHBOR", inputs, shape, nearest_options())
            factor //= step
        maker.replace(graph, operator)
        count += 1
    return count


def _factor(operator: Operator) -> int | None:
    """Return the equal factor of rows and columns, from more than one pixel; else None."""
    before, after = operator.input(0).shape[1:3], operator.output.shape[1:3]
    height, width = (big / small for big, small in zip(after, before, strict=True))
    is_one = before == (1, 1) or operator.options.alignCorners
    return int(height) if height == width == int(height) and not is_one else None
