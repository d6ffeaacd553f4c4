"""Rewrites normalizations to operators that are exact in int8 and run on an Ethos-U.

Measured on int8 kernels, mean error of the result for values of spread 1 and step 0.04, and by Vela
5.2 for 768 tokens on an Ethos-U55-128:

- The mean over channels is FULLY_CONNECTED by 1/N: MEAN over channels of a map stays on the CPU.
- x - mean(x) is FULLY_CONNECTED by I - 1/N up to 128 channels: it rounds once (0.033 for 0.038 of
  mean and SUB, with means of spread 3; 214 us for 321 at 64 channels, 641 for 721 at 144). Its
  weights must be whole multiples of a step: diagonal k (N - 1), others -k. Rounded as usual they
  leak the mean, and beyond 128 channels the others would be 0 (error of 1.2 at 384 channels).
- Beyond that it is SUB of the mean, of one FULLY_CONNECTED of equal weights (0.039 at 384 channels;
  1,919 us for 2,735).
- 1 / sqrt is RSQRT, which every interpreter and Vela have, unlike SQRT and DIV.
- Group and instance normalization take MEAN over rows and columns, and mix channels of a group by
  FULLY_CONNECTED of equal weights on the 1x1 map. The factor joins the deviation there for nothing.
"""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.rewrites.exact_weights import MOST_CENTERED, centering
from tfl_depth.converters.graph.rewrites.maker import Maker
from tfl_depth.converters.graph.rewrites.normalization_probe import Values
from tfl_depth.converters.graph.rewrites.normalizations import (
    NormalizationLayer,
    find_normalization,
    is_root,
)

# Keeps 1 / sqrt finite if all values are equal and nothing is added to the variance.
_LEAST_EPSILON = 1e-12
_NEAR_ONE = 1e-5
_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


def write_normalizations(graph: Graph, tried: set[Operator]) -> int:
    """Rewrite every normalization to the form for int8.

    Args:
        graph: is changed.
        tried: square roots that were examined before. New ones are added.
    """
    count = 0
    for root in [op for op in graph.operators if is_root(op) and op not in tried]:
        if root not in graph.operators:
            continue
        tried.add(root)
        found = find_normalization(graph, root)
        maker = None if found is None else _written(found)
        producer = None if found is None else graph.producer(found.y)
        if maker is None or producer is None:
            continue
        maker.replace(graph, producer)
        graph.remove_dead()
        tried.update(maker.operators)
        count += 1
    return count


def _written(found: NormalizationLayer) -> Maker | None:
    rank, last = len(found.x.shape), len(found.x.shape) - 1
    maker = Maker(found.y)
    if found.axes == (last,) and found.groups == 1:
        _over_last(maker, found, found.x)
        return maker
    if found.axes == (1,) and found.channel_axis == 1 and rank == 4:
        made = _over_last(maker, found, maker.transpose(found.x, _TO_NHWC), axis=last)
        maker.transpose(made, _TO_NCHW)
        return maker
    return maker if _over_map(maker, found) else None


def _over_last(
    maker: Maker, found: NormalizationLayer, x: Tensor, axis: int | None = None
) -> Tensor:
    """Normalize over the last dimension."""
    channels = x.shape[-1]
    factor, offset = _plain(found)
    centered = _centered(maker, x) if found.centered else x
    # One factor for all channels is merged into the variance at no cost.
    shared = float(factor[0]) if np.all(factor == factor[0]) and factor[0] > 0 else 1.0
    weights = np.full((1, channels), 1 / channels / shared**2)
    epsilon = max(found.epsilon, _LEAST_EPSILON) / shared**2
    variance = maker.fully_connected(maker.binary("MUL", centered, centered), weights, [epsilon])
    made = maker.binary("MUL", centered, maker.unary("RSQRT", variance))
    axis = found.channel_axis if axis is None else axis
    return _affine(maker, made, factor / shared, offset, axis)


def _centered(maker: Maker, x: Tensor) -> Tensor:
    channels = x.shape[-1]
    if 1 < channels <= MOST_CENTERED:
        return maker.fully_connected(x, centering(channels))
    mean = maker.fully_connected(x, np.full((1, channels), 1 / channels))
    return maker.binary("SUB", x, mean)


def _over_map(maker: Maker, found: NormalizationLayer) -> bool:
    """Normalize over rows and columns, for each channel or for groups of channels."""
    groups = _groups(found)
    if groups is None:
        return False
    x = found.x
    if len(x.shape) == 3:
        x = maker.reshape(x, (x.shape[0], x.shape[1], 1, x.shape[2]))
    elif found.channel_axis == 1:
        x = maker.transpose(x, _TO_NHWC)
    factor, offset = _plain(found)
    centered = x
    if found.centered:
        centered = maker.binary("SUB", x, _mean(maker, x, groups))
    squares = maker.binary("MUL", centered, centered)
    epsilon = max(found.epsilon, _LEAST_EPSILON)
    variance = maker.binary("ADD", _mean(maker, squares, groups), epsilon)
    deviation = maker.unary("RSQRT", variance)
    if np.any(factor != 1):
        deviation = maker.binary("MUL", deviation, maker.constant(factor))
    made = _affine(maker, maker.binary("MUL", centered, deviation), 1.0, offset, 3)
    if len(found.x.shape) == 3:
        maker.reshape(made, found.y.shape)
    elif found.channel_axis == 1:
        maker.transpose(made, _TO_NCHW)
    return True


def _groups(found: NormalizationLayer) -> int | None:
    """Return the number of channel groups if all rows and columns are used; else None."""
    rank, shape = len(found.x.shape), found.x.shape
    last = rank - 1
    if shape[0] != 1 or rank not in (3, 4) or found.channel_axis not in (1, last):
        return None
    channels = shape[found.channel_axis]
    wide = {axis for axis in range(1, rank) if shape[axis] > 1}
    if found.groups > 1:
        return found.groups
    if set(found.axes) >= wide:
        return 1
    return channels if set(found.axes) >= wide - {found.channel_axis} else None


def _mean(maker: Maker, x: Tensor, groups: int) -> Tensor:
    channels = x.shape[-1]
    axes = maker.constant([1, 2], np.int32)
    made_options = options("ReducerOptions", keepDims=True)
    mean = maker.apply("MEAN", [x, axes], (x.shape[0], 1, 1, channels), made_options)
    if groups == channels:
        return mean
    each = channels // groups
    return maker.fully_connected(mean, np.kron(np.eye(groups), np.full((each, each), 1 / each)))


def _plain(found: NormalizationLayer) -> tuple[Values, Values]:
    """Return factor and offset, with measured values close to 1 and 0 set to 1 and 0."""
    factor, offset = found.factor, found.offset
    if np.all(np.abs(factor - 1) < _NEAR_ONE):
        factor = np.ones_like(factor)
    elif np.all(np.abs(factor / factor[0] - 1) < _NEAR_ONE):
        factor = np.full_like(factor, factor.mean())
    if np.all(np.abs(offset) < _NEAR_ONE * np.abs(factor).max()):
        offset = np.zeros_like(offset)
    return factor, offset


def _affine(maker: Maker, x: Tensor, factor: Values | float, offset: Values, axis: int) -> Tensor:
    if np.any(np.asarray(factor) != 1):
        x = maker.binary("MUL", x, maker.constant(_along(factor, x, axis)))
    if np.any(offset != 0):
        x = maker.binary("ADD", x, maker.constant(_along(offset, x, axis)))
    return x


def _along(values: Values | float, x: Tensor, axis: int) -> Values:
    shape = [1] * (len(x.shape) - axis)
    shape[0] = -1
    return np.asarray(values, np.float64).reshape(shape)
