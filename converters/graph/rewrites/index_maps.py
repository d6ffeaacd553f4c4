"""Analysis of moves axis by axis, and the one operator that is equivalent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.graph.flatbuffer import options
from tfl_depth.converters.graph.graph import Tensor
from tfl_depth.converters.graph.rewrites.maker import Maker

Places = npt.NDArray[np.int64]
Mirror = Literal["reflect", "symmetric"]
Kind = Mirror | Literal["same", "repeat", "range", "reverse"]

_MODES = {"reflect": schema.MirrorPadMode.REFLECT, "symmetric": schema.MirrorPadMode.SYMMETRIC}
_NHWC, _NCHW = (1, 2), (2, 3)
_TO_NHWC, _TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


@dataclass(frozen=True)
class Axis:
    """The move along one axis.

    Attributes:
        kind: "same", "repeat", "reflect", "symmetric", "range" or "reverse".
        amounts: (factor,) of a repeat, (before, behind) of a mirror, (begin, end, step) of a range.
    """

    kind: Kind
    amounts: tuple[int, ...] = ()


def by_axis(places: Places, source: Sequence[int], result: Sequence[int]) -> list[Axis] | None:
    """Return the move along each axis; None if axes mix, or a move is unknown.

    Args:
        places: index in the flat source of each element of the flat result.
        source: shape of the source.
        result: shape of the result.
    """
    if len(source) != len(result) or not places.size:
        return None
    found = []
    for axis, coordinates in enumerate(np.unravel_index(places, tuple(source))):
        grid = np.moveaxis(coordinates.reshape(result), axis, -1)
        row = grid.reshape(-1, result[axis])
        if np.any(row != row[0]):
            return None
        known = _known(row[0], source[axis])
        if known is None:
            return None
        found.append(known)
    return found


def _known(row: Places, size: int) -> Axis | None:
    count, numbers = len(row), np.arange(size)
    if np.array_equal(row, numbers):
        return Axis("same")
    if count % size == 0 and np.array_equal(row, np.repeat(numbers, count // size)):
        return Axis("repeat", (count // size,))
    if np.array_equal(row, numbers[::-1]):
        return Axis("reverse")
    return _range(row) or _mirror(row, numbers)


def _range(row: Places) -> Axis | None:
    step = int(row[1] - row[0]) if len(row) > 1 else 1
    begin, end = int(row[0]), int(row[-1]) + 1
    is_range = step > 0 and np.array_equal(row, np.arange(begin, end, step))
    return Axis("range", (begin, end, step)) if is_range else None


def _mirror(row: Places, numbers: Places) -> Axis | None:
    modes: tuple[tuple[Mirror, int], ...] = (
        ("reflect", int(row[0])),
        ("symmetric", int(row[0]) + 1),
    )
    for mode, first in modes:
        for before in (first, 0):
            behind = len(row) - len(numbers) - before
            if min(before, behind) < 0 or max(before, behind) >= len(numbers):
                continue
            if np.array_equal(row, np.pad(numbers, (before, behind), mode)):
                return Axis(mode, (before, behind))
    return None


def write_axes(maker: Maker, x: Tensor, axes: list[Axis]) -> bool:
    """Append the one operator for these moves of `x`. Return False if there is none."""
    kinds = {axis.kind for axis in axes} - {"same"}
    if len(kinds) != 1:
        return False
    (kind,) = kinds
    return _WRITERS[kind](maker, x, axes)


def _repeat(maker: Maker, x: Tensor, axes: list[Axis]) -> bool:
    repeated = [place for place, axis in enumerate(axes) if axis.kind == "repeat"]
    if len(axes) == 4 and set(repeated) <= set(_NHWC):
        _resize(maker, x, axes[1:3])
        return True
    if len(axes) == 4 and set(repeated) <= set(_NCHW):
        made = _resize(maker, maker.transpose(x, _TO_NHWC), axes[2:])
        maker.transpose(made, _TO_NCHW)
        return True
    return False


def _resize(maker: Maker, x: Tensor, axes: list[Axis]) -> Tensor:
    factors = [axis.amounts[0] if axis.kind == "repeat" else 1 for axis in axes]
    size = [side * factor for side, factor in zip(x.shape[1:3], factors, strict=True)]
    shape = (x.shape[0], *size, x.shape[3])
    made = nearest_options()
    inputs = [x, maker.constant(size, np.int32)]
    return maker.apply("RESIZE_NEAREST_NEIGHBOR", inputs, shape, made)


def nearest_options() -> Any:
    """Options of RESIZE_NEAREST_NEIGHBOR that enlarges by whole factors, for every implementation.

    Without half-pixel centers a doubled pixel lies at 0.5, which TensorFlow Lite rounds down and
    TOSA up. With them it lies at 0.25 and 0.75, of which the nearest pixel is the same for all.
    """
    return options("ResizeNearestNeighborOptions", halfPixelCenters=True)


def _pad(maker: Maker, x: Tensor, axes: list[Axis]) -> bool:
    amounts = [axis.amounts or (0, 0) for axis in axes]
    (mode,) = {_MODES[axis.kind] for axis in axes if axis.kind != "same"}
    shape = [side + sum(pair) for side, pair in zip(x.shape, amounts, strict=True)]
    made = options("MirrorPadOptions", mode=mode)
    maker.apply("MIRROR_PAD", [x, maker.constant(amounts, np.int32)], shape, made)
    return True


def _slice(maker: Maker, x: Tensor, axes: list[Axis]) -> bool:
    ranges = [axis.amounts or (0, side, 1) for axis, side in zip(axes, x.shape, strict=True)]
    rows = [maker.constant(list(row), np.int32) for row in zip(*ranges, strict=True)]
    shape = [-(-(end - begin) // step) for begin, end, step in ranges]
    maker.apply("STRIDED_SLICE", [x, *rows], shape, options("StridedSliceOptions"))
    return True


def _reverse(maker: Maker, x: Tensor, axes: list[Axis]) -> bool:
    turned = [place for place, axis in enumerate(axes) if axis.kind == "reverse"]
    if len(turned) != 1:
        return False
    maker.apply("REVERSE_V2", [x, maker.constant(turned, np.int32)], x.shape)
    return True


_WRITERS = {
    "range": _slice,
    "reflect": _pad,
    "repeat": _repeat,
    "reverse": _reverse,
    "symmetric": _pad,
}
