"""Rewrites explicit padding before convolutions and pools."""

from __future__ import annotations

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Graph, Operator, Tensor, constant
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.signs import is_not_negative

_SYMMETRIC = schema.MirrorPadMode.SYMMETRIC
_SAME, _VALID = schema.Padding.SAME, schema.Padding.VALID
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")

Pads = tuple[int, int, int, int]


def fold_padding(graph: Graph) -> int:
    """Replace padding before convolutions and pools by their option SAME, if it is equal.

    Before convolutions it is padding with zeros, before max pools with the least value.
    """
    count = 0
    links = Links(graph)
    for operator in [op for op in graph.operators if op.kind in (*_CONVOLUTIONS, "MAX_POOL_2D")]:
        pad = links.producer(operator.input(0))
        if pad is None or operator.options.padding != _VALID:
            continue
        if not _is_neutral(links, pad, operator):
            continue
        if spatial_pads(pad) == same_pads(pad.input(0), operator):
            operator.options = copy.deepcopy(operator.options)
            operator.options.padding = _SAME
            operator.inputs[0] = pad.input(0)
            links.refresh()
            count += 1
    return count


def spatial_pads(pad: Operator) -> Pads | None:
    """Return (top, bottom, left, right) of a padding of rows and columns only, else None."""
    if not pad.input(1).is_constant or len(pad.output.shape) != 4:
        return None
    amounts = pad.input(1).constant
    if amounts[0].any() or amounts[3].any():
        return None
    return tuple(int(amount) for amount in amounts[1:3].ravel())  # type: ignore[return-value]


def same_pads(source: Tensor, operator: Operator) -> Pads:
    """Return the padding of SAME, (top, bottom, left, right)."""
    window = _window(operator)
    pads: list[int] = []
    for size, (extent, stride) in zip(source.shape[1:3], window, strict=True):
        total = max((-(-size // stride) - 1) * stride + extent - size, 0)
        pads += [total // 2, total - total // 2]
    return tuple(pads)  # type: ignore[return-value]


def _window(operator: Operator) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (extent, stride) of an operator's window, for rows and for columns."""
    made = operator.options
    if operator.kind == "MAX_POOL_2D":
        return (made.filterHeight, made.strideH), (made.filterWidth, made.strideW)
    height, width = operator.input(1).shape[1:3]
    return (
        ((height - 1) * made.dilationHFactor + 1, made.strideH),
        ((width - 1) * made.dilationWFactor + 1, made.strideW),
    )


def _is_neutral(links: Links, pad: Operator, operator: Operator) -> bool:
    """Whether the padded value is that of SAME: zero, or the least value for max pools."""
    if operator.kind != "MAX_POOL_2D" or pad.kind not in ("PAD", "PADV2"):
        return pad.kind == "PAD"
    if pad.kind == "PADV2":
        return _pads_lowest(pad)
    return is_not_negative(links, pad.input(0))


def _pads_lowest(pad: Operator) -> bool:
    value = pad.input(2)
    return value.is_constant and value.constant.item() <= np.finfo(np.float32).min


def pad_with_zeros(graph: Graph) -> int:
    """Rewrite PADV2 with zeros to PAD."""
    found = [op for op in graph.operators if op.kind == "PADV2" and _pads_zeros(op)]
    for operator in found:
        operator.kind, operator.options = "PAD", options("PadOptions")
        operator.inputs, operator.version = operator.inputs[:2], 1
    return len(found)


def _pads_zeros(pad: Operator) -> bool:
    value = pad.input(2)
    return value.is_constant and not value.constant.any()


def pad_max_pools(graph: Graph) -> int:
    """Replace padding with the least number before max pools by values that int8 can represent.

    These are zeros if no value is negative. Otherwise they are mirrored values of the border, if
    the padding is at most half of the window: each window with a mirrored value then contains the
    value itself. The least number has no int8 code, and one interpreter aborts with it.
    """
    count = 0
    links = Links(graph)
    for pad in [op for op in graph.operators if op.kind == "PADV2" and _pads_lowest(op)]:
        pools = links.consumers(pad.output)
        if links.is_output(pad.output) or any(pool.kind != "MAX_POOL_2D" for pool in pools):
            continue
        if is_not_negative(links, pad.input(0)):
            _replace_pad(graph, pad, Operator("PAD", pad.inputs[:2], [], options("PadOptions")))
        elif all(_can_mirror(pad, pool) for pool in pools):
            made = options("MirrorPadOptions", mode=_SYMMETRIC)
            _replace_pad(graph, pad, Operator("MIRROR_PAD", pad.inputs[:2], [], made))
        else:
            continue
        count += 1
    return count


def _replace_pad(graph: Graph, pad: Operator, made: Operator) -> None:
    made.outputs = pad.outputs
    graph.replace(pad, [made])


def _can_mirror(pad: Operator, pool: Operator) -> bool:
    pads = spatial_pads(pad)
    if pads is None or pool.options.padding != _VALID:
        return False
    (height, _), (width, _) = _window(pool)
    return 2 * max(pads[:2]) <= height and 2 * max(pads[2:]) <= width


def join_pads(graph: Graph) -> int:
    """Merge two successive paddings with zeros."""
    count = 0
    links = Links(graph)
    for pad in [op for op in graph.operators if op.kind == "PAD"]:
        before = links.only_source(pad.input(0))
        if before is None or before.kind != "PAD":
            continue
        if not (pad.input(1).is_constant and before.input(1).is_constant):
            continue
        total = pad.input(1).constant + before.input(1).constant
        amounts = constant(f"{pad.output.name}/pads", total, np.int32)
        graph.replace(pad, [Operator("PAD", [before.input(0), amounts], pad.outputs, pad.options)])
        graph.operators.remove(before)
        links.refresh()
        count += 1
    return count


def fold_crops(graph: Graph) -> int:
    """Replace a crop after transposed convolutions by their option SAME, if it is equal."""
    count = 0
    links = Links(graph)
    for crop in [op for op in graph.operators if op.kind in ("SLICE", "STRIDED_SLICE")]:
        operator = links.only_source(crop.input(0))
        if operator is None or operator.kind != "TRANSPOSE_CONV":
            continue
        if operator.options.padding != _VALID or not _is_same_crop(crop, operator):
            continue
        operator.options = copy.deepcopy(operator.options)
        operator.options.padding = _SAME
        shape = crop.output.shape
        operator.inputs[0] = constant(f"{crop.output.name}/shape", shape, np.int32)
        operator.outputs = crop.outputs
        graph.operators.remove(crop)
        links.refresh()
        count += 1
    return count


def _is_same_crop(crop: Operator, operator: Operator) -> bool:
    """Whether a crop keeps stride times the size, and cuts at most as much before as after."""
    begin = crop.input(1)
    whole, left = operator.output.shape, crop.output.shape
    if not begin.is_constant or (whole[0], whole[3]) != (left[0], left[3]):
        return False
    sides = operator.input(2).shape[1:3]
    strides = operator.options.strideH, operator.options.strideW
    wanted = [side * stride for side, stride in zip(sides, strides, strict=True)]
    starts = [(all_ - kept) // 2 for all_, kept in zip(whole[1:3], left[1:3], strict=True)]
    begins = [int(value) for value in np.ravel(begin.constant)]
    return list(left[1:3]) == wanted and begins == [0, *starts, 0] and not _has_steps(crop)


def _has_steps(crop: Operator) -> bool:
    if crop.kind == "SLICE":
        return False
    made = crop.options
    masks = made.beginMask | made.shrinkAxisMask | made.newAxisMask | made.ellipsisMask
    return bool(masks) or bool(np.any(crop.input(3).constant != 1))
