"""Each operator that may be written in integers: its kernel computes what the float kernel does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from tests.converters.graph.build import Build
from tfl_depth.converters.graph import Graph, GraphRunner, Tensor, options
from tfl_depth.converters.quantize.integer import QuantizationPlan, quantized
from tfl_depth.converters.quantize.rules import (
    COMPUTING,
    FIXED_INT8,
    NOT_INT16,
    SAME_SCALE,
    TIED,
)
from tfl_depth.converters.verify.operators import to_codes, to_values
from tfl_depth.errors import ConversionError

SHAPE = (1, 4, 6, 8)
# Of the spread of the float values.
ALLOWED = {8: 0.04, 16: 0.01}
Write = Callable[[Build, Tensor], Tensor]


def _ints(*values: int) -> npt.NDArray[np.int32]:
    return np.asarray(values, np.int32)


def _binary(kind: str) -> Write:
    return lambda net, x: net.binary(kind, x, net.random(*SHAPE, low=0.1, high=2.0))


def _of_two(kind: str) -> Write:
    return lambda net, x: net.binary(kind, x, net.unary("RELU", x))


def _of_positive(kind: str) -> Write:
    return lambda net, x: net.unary(kind, net.binary("ADD", net.unary("RELU", x), 0.1))


def _reduced(kind: str, *axes: int) -> Write:
    return lambda net, x: net.reduce(kind, x, *axes)


def _pooled(kind: str) -> Write:
    return lambda net, x: net.pool(kind, x, 2, 2)


def _enlarged(kind: str, made: str) -> Write:
    halves = options(made, halfPixelCenters=True)
    return lambda net, x: net.apply(kind, [x, _ints(8, 12)], (1, 8, 12, 8), halves)


def _with_options(kind: str, made: str, **values: object) -> Write:
    return lambda net, x: net.unary(kind, x, options(made, **values))


def _applied(kind: str, shape: tuple[int, ...], *more: object, made: object = None) -> Write:
    return lambda net, x: net.apply(kind, [x, *more], shape, made)


def _product(net: Build, x: Tensor) -> Tensor:
    rows = net.reshape(x, 1, 24, 8)
    return net.matmul(rows, net.reshape(net.unary("RELU", x), 1, 24, 8), adj_y=True)


def _packed(net: Build, x: Tensor) -> Tensor:
    made = options("PackOptions", axis=0, valuesCount=2)
    return net.apply("PACK", [x, net.unary("RELU", x)], (2, *SHAPE), made)


def _parts(net: Build, x: Tensor) -> Tensor:
    made = options("SplitVOptions", numSplits=2)
    shapes = [(1, 4, 6, 4)] * 2
    return net.apply_many("SPLIT_V", [x, _ints(4, 4), np.int32(3)], shapes, made)[0]


def _unpacked(net: Build, x: Tensor) -> Tensor:
    return net.apply_many("UNPACK", [x], [SHAPE[1:]], options("UnpackOptions", axis=0, num=1))[0]


BORDER = [[0, 0], [1, 1], [1, 1], [0, 0]]
WRITTEN: dict[str, Write] = {
    **{kind: _binary(kind) for kind in ("ADD", "MUL", "SQUARED_DIFFERENCE", "SUB")},
    **{kind: _of_two(kind) for kind in ("MAXIMUM", "MINIMUM")},
    **{kind: _of_positive(kind) for kind in ("LOG", "RSQRT", "SQRT")},
    **{kind: _reduced(kind, 1, 2) for kind in ("MEAN", "REDUCE_MAX", "REDUCE_MIN")},
    **{kind: _pooled(kind) for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D")},
    "BATCH_MATMUL": _product,
    "CONCATENATION": lambda net, x: net.concat(x, net.unary("RELU", x)),
    "CONV_2D": lambda net, x: net.conv(x, 4, 3),
    "DEPTHWISE_CONV_2D": lambda net, x: net.depthwise(x),
    "DEPTH_TO_SPACE": _applied(
        "DEPTH_TO_SPACE", (1, 8, 12, 2), made=options("DepthToSpaceOptions", blockSize=2)
    ),
    "EXPAND_DIMS": _applied("EXPAND_DIMS", (1, *SHAPE), np.int32(0)),
    "FULLY_CONNECTED": lambda net, x: net.dense(x, 5),
    "GATHER": _applied(
        "GATHER", (1, 4, 6, 3), _ints(2, 0, 1), made=options("GatherOptions", axis=3)
    ),
    "GELU": _with_options("GELU", "GeluOptions"),
    "LEAKY_RELU": _with_options("LEAKY_RELU", "LeakyReluOptions", alpha=0.1),
    "MIRROR_PAD": _applied(
        "MIRROR_PAD",
        (1, 6, 8, 8),
        np.asarray(BORDER, np.int32),
        made=options("MirrorPadOptions", mode=0),
    ),
    "PACK": _packed,
    "PAD": lambda net, x: net.pad(x, BORDER),
    "PADV2": lambda net, x: net.pad(x, BORDER, 0.5),
    "PRELU": lambda net, x: net.apply("PRELU", [x, net.random(1, 1, 8)], SHAPE),
    "RESHAPE": lambda net, x: net.reshape(x, 1, 24, 8),
    "RESIZE_BILINEAR": _enlarged("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    "RESIZE_NEAREST_NEIGHBOR": _enlarged("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
    "REVERSE_V2": _applied("REVERSE_V2", SHAPE, _ints(1)),
    "SLICE": lambda net, x: net.slice(x, (0, 0, 0, 0), (1, 2, 2, 8)),
    "SOFTMAX": lambda net, x: net.softmax(x),
    "SPACE_TO_DEPTH": _applied(
        "SPACE_TO_DEPTH", (1, 2, 3, 32), made=options("SpaceToDepthOptions", blockSize=2)
    ),
    "SPLIT": lambda net, x: net.split(x, 2)[0],
    "SPLIT_V": _parts,
    "SQUEEZE": _applied("SQUEEZE", SHAPE[1:], made=options("SqueezeOptions", squeezeDims=[0])),
    "STRIDED_SLICE": _applied(
        "STRIDED_SLICE",
        (1, 2, 3, 8),
        _ints(0, 0, 0, 0),
        _ints(*SHAPE),
        _ints(1, 2, 2, 1),
        made=options("StridedSliceOptions"),
    ),
    "SUM": _reduced("SUM", 3),
    "TILE": _applied("TILE", (1, 8, 12, 8), _ints(1, 2, 2, 1)),
    "TRANSPOSE": lambda net, x: net.transpose(x, 0, 2, 1, 3),
    "TRANSPOSE_CONV": lambda net, x: net.deconv(x, 4, 2),
    "UNPACK": _unpacked,
}
# Moves of values alone, whose other inputs only an exporter writes.
MOVES = {"BATCH_TO_SPACE_ND", "BROADCAST_TO", "GATHER_ND", "SELECT", "SELECT_V2"} | {
    "SPACE_TO_BATCH_ND",
    "QUANTIZE",
}
KINDS = sorted((COMPUTING | TIED | set(SAME_SCALE) | set(FIXED_INT8)) - MOVES)


def network(kind: str) -> Graph:
    net = Build(*SHAPE)
    if kind in WRITTEN:
        return net.graph(WRITTEN[kind](net, net.x))
    return net.graph(net.unary(kind, net.x))


def in_integers(
    graph: Graph, values: npt.NDArray[np.float32], bits: int
) -> tuple[Graph, npt.NDArray[np.float32]]:
    """The graph in integers, with the ranges of these values; and the float output."""
    tensors = graph.computed()
    found = GraphRunner(graph, tensors)({graph.inputs["image"]: values})
    ranges = {t: (min(0.0, float(found[t].min())), float(found[t].max())) for t in tensors}
    plan = QuantizationPlan(ranges=ranges, pinned={}, exact={}, bits=bits, per_channel=True)
    return quantized(graph, plan), found[graph.outputs["output_0"]]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_an_integer_kernel_computes_what_the_float_kernel_does(kind: str, bits: int) -> None:
    graph = network(kind)
    assert kind in {operator.kind for operator in graph.operators}
    values = np.random.default_rng(1).uniform(-1, 2, SHAPE).astype(np.float32)
    if bits == 16 and kind in NOT_INT16:
        with pytest.raises(ConversionError, match=f"no int16 kernel for {kind}"):
            in_integers(graph, values, bits)
        return
    made, expected = in_integers(graph, values, bits)
    (source,), (output,) = made.inputs.values(), made.outputs.values()
    codes = GraphRunner(made)({source: to_codes(values, source)})[output]
    error = np.abs(to_values(codes, output) - expected)
    assert error.max() < ALLOWED[bits] * np.ptp(expected)
