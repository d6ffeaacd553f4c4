"""Rewrites means and sums to forms that int8 kernels and an Ethos-U support.

MEAN over the channels of a map stays on the CPU of an Ethos-U; FULLY_CONNECTED does not. SUM is
computed differently by the int8 kernels (127 codes apart between the built-in and the reference
kernel), so it becomes a dense layer, or MEAN times the number of elements.
"""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.rewrites.maker import Maker


def write_reductions(graph: Graph) -> int:
    """Rewrite MEAN and SUM over the last dimension to FULLY_CONNECTED, and other SUM to MEAN."""
    count = 0
    for operator in [op for op in graph.operators if op.kind in ("MEAN", "SUM")]:
        if not operator.input(1).is_constant or operator.output.dtype != np.float32:
            continue
        x = operator.input(0)
        rank = len(x.shape)
        axes = {int(axis) % rank for axis in np.atleast_1d(operator.input(1).constant)}
        axes = {axis for axis in axes if x.shape[axis] > 1}
        if operator.kind == "MEAN" and not _is_over_channels(x, axes):
            continue
        maker = Maker(operator.output)
        _write(maker, operator, x, axes)
        maker.replace(graph, operator)
        count += 1
    return count


def _is_over_channels(x: Tensor, axes: set[int]) -> bool:
    """Whether a mean is over the last dimension only, or over everything."""
    last = len(x.shape) - 1
    wide = {axis for axis, side in enumerate(x.shape) if side > 1}
    return last in axes and (axes == {last} or axes == wide)


def _write(maker: Maker, operator: Operator, x: Tensor, axes: set[int]) -> None:
    last = len(x.shape) - 1
    is_mean = operator.kind == "MEAN"
    outer = axes - {last}
    made = _mean(maker, x, outer) if outer else x
    factor = 1.0 if is_mean else float(np.prod([x.shape[axis] for axis in outer]))
    if last in axes:
        share = factor / x.shape[-1] if is_mean else factor
        made = maker.fully_connected(made, np.full((1, x.shape[-1]), share))
    elif factor != 1:
        made = maker.binary("MUL", made, factor)
    if made.shape != operator.output.shape or not axes:
        maker.apply(
            "RESHAPE",
            [made, maker.constant(operator.output.shape, np.int32)],
            operator.output.shape,
        )


def _mean(maker: Maker, x: Tensor, axes: set[int]) -> Tensor:
    shape = [1 if axis in axes else side for axis, side in enumerate(x.shape)]
    inputs = [x, maker.constant(sorted(axes), np.int32)]
    return maker.apply("MEAN", inputs, shape, options("ReducerOptions", keepDims=True))
