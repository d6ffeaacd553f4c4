"""Padding in front of convolutions with wide strides, in a form that Arm's Vela compiles."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Graph, Operator, Tensor, constant
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.padding import same_pads

# The widest stride of the Ethos-U55 and U65; Vela writes wider ones as several operators.
WIDEST = 3
_SAME, _VALID = schema.Padding.SAME, schema.Padding.VALID


def pad_wide_strides(graph: Graph) -> int:
    """Pad in front of convolutions with wide strides by operators of their own.

    Vela 5.2 leaves such a convolution with padding to the CPU, and aborts where a PAD stands right
    in front of it. A max pool of one pixel between them, which changes no value, prevents both.
    """
    count = 0
    for operator in [op for op in graph.operators if op.kind == "CONV_2D" and _is_wide(op)]:
        links = Links(graph)
        source = operator.input(0)
        added: list[Operator] = []
        if operator.options.padding == _SAME and any(same_pads(source, operator)):
            added.append(_pad(graph, source, same_pads(source, operator)))
            operator.options = copy.deepcopy(operator.options)
            operator.options.padding = _VALID
        else:
            before = links.producer(source)
            if before is None or before.kind != "PAD":
                continue
        added.append(_pool(graph, added[-1].output if added else source))
        operator.inputs[0] = added[-1].output
        place = graph.operators.index(operator)
        graph.operators[place:place] = added
        count += 1
    return count


def _is_wide(operator: Operator) -> bool:
    strides: tuple[int, int] = (operator.options.strideH, operator.options.strideW)
    return max(strides) > WIDEST


def _pad(graph: Graph, source: Tensor, pads: Sequence[int]) -> Operator:
    top, bottom, left, right = pads
    _, height, width, channels = source.shape
    shape = (1, height + top + bottom, width + left + right, channels)
    amounts = np.asarray([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
    padded = Tensor(graph.unique_name(f"{source.name}/padded"), shape, source.dtype)
    inputs: list[Tensor | None] = [source, constant(f"{padded.name}/pads", amounts, np.int32)]
    return Operator("PAD", inputs, [padded], options("PadOptions"))


def _pool(graph: Graph, source: Tensor) -> Operator:
    made = options(
        "Pool2DOptions", padding=_VALID, strideH=1, strideW=1, filterHeight=1, filterWidth=1
    )
    kept = Tensor(graph.unique_name(f"{source.name}/kept"), source.shape, source.dtype)
    return Operator("MAX_POOL_2D", [source], [kept], made)
