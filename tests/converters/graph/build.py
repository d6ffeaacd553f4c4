"""Builds float graphs, an operator a line, as exporters write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options
from tfl_depth.converters.graph.rewrites.maker import BINARY_OPTIONS

Floats = npt.NDArray[np.float32]
Operand = Tensor | npt.ArrayLike

_FLOAT, _INT = np.dtype(np.float32), np.dtype(np.int32)
ACTIVATIONS = {None: 0, "RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}


class Build:
    """A graph in the making, from an input of a shape. Weights are the same in every run."""

    def __init__(self, *shape: int) -> None:
        self._random = np.random.default_rng(0)
        self._count = 0
        self.x = Tensor("image", shape, _FLOAT)
        self.operators: list[Operator] = []

    def graph(self, *outputs: Tensor) -> Graph:
        """The graph of these outputs."""
        names = {f"output_{place}": tensor for place, tensor in enumerate(outputs)}
        return Graph({"image": self.x}, names, list(self.operators))

    def random(self, *shape: int, low: float = -1.0, high: float = 1.0) -> Floats:
        """Numbers between two."""
        return self._random.uniform(low, high, shape).astype(np.float32)

    def constant(self, value: npt.ArrayLike, dtype: Any = None) -> Tensor:
        """A constant; whole numbers are int32."""
        array = np.asarray(value)
        chosen = dtype or (_INT if array.dtype.kind in "iu" else _FLOAT)
        return constant(self._name("constant"), array, chosen)

    def apply(
        self,
        kind: str,
        inputs: Sequence[Any],
        shape: Sequence[int] | None = None,
        made: Any = None,
        dtype: Any = _FLOAT,
    ) -> Tensor:
        """An operator of one output; without a shape it is the first input's."""
        (output,) = self.apply_many(kind, inputs, [shape], made, dtype)
        return output

    def apply_many(
        self,
        kind: str,
        inputs: Sequence[Any],
        shapes: Sequence[Sequence[int] | None],
        made: Any = None,
        dtype: Any = _FLOAT,
    ) -> list[Tensor]:
        """An operator of several outputs."""
        tensors = [None if value is None else self._tensor(value) for value in inputs]
        first = next(tensor for tensor in tensors if tensor is not None)
        outputs = [
            Tensor(self._name(kind.lower()), tuple(shape or first.shape), np.dtype(dtype))
            for shape in shapes
        ]
        self.operators.append(Operator(kind, tensors, outputs, made))
        return outputs

    def unary(self, kind: str, x: Tensor, made: Any = None) -> Tensor:
        """An operator that keeps the shape."""
        return self.apply(kind, [x], x.shape, made)

    def binary(self, kind: str, a: Operand, b: Operand, activation: str | None = None) -> Tensor:
        """ADD, SUB, MUL, DIV and others of two operands."""
        first, second = self._tensor(a), self._tensor(b)
        shape = np.broadcast_shapes(first.shape, second.shape)
        made: Any = options(BINARY_OPTIONS[kind]) if kind in BINARY_OPTIONS else None
        if activation is not None:
            made.fusedActivationFunction = ACTIVATIONS[activation]
        return self.apply(kind, [first, second], shape, made)

    def conv(
        self,
        x: Tensor,
        channels: int,
        size: int = 1,
        *,
        stride: int = 1,
        padding: str = "SAME",
        dilation: int = 1,
        groups: int = 1,
        activation: str | None = None,
    ) -> Tensor:
        """CONV_2D."""
        kernel = self.random(channels, size, size, x.shape[3] // groups)
        made = options(
            "Conv2DOptions",
            padding=("SAME", "VALID").index(padding),
            strideH=stride,
            strideW=stride,
            dilationHFactor=dilation,
            dilationWFactor=dilation,
            fusedActivationFunction=ACTIVATIONS[activation],
        )
        sides = [_side(side, (size - 1) * dilation, stride, padding) for side in x.shape[1:3]]
        inputs = [x, kernel, self.random(channels)]
        return self.apply("CONV_2D", inputs, (x.shape[0], *sides, channels), made)

    def depthwise(self, x: Tensor, size: int = 3, multiplier: int = 1) -> Tensor:
        """DEPTHWISE_CONV_2D without padding."""
        channels = x.shape[3] * multiplier
        made = options(
            "DepthwiseConv2DOptions",
            padding=1,
            strideH=1,
            strideW=1,
            dilationHFactor=1,
            dilationWFactor=1,
            depthMultiplier=multiplier,
        )
        sides = [side - size + 1 for side in x.shape[1:3]]
        inputs = [x, self.random(1, size, size, channels), self.random(channels)]
        return self.apply("DEPTHWISE_CONV_2D", inputs, (x.shape[0], *sides, channels), made)

    def deconv(self, x: Tensor, channels: int, size: int) -> Tensor:
        """TRANSPOSE_CONV of stride 2 without a bias, of the full size."""
        shape = (x.shape[0], *(2 * side - 2 + size for side in x.shape[1:3]), channels)
        made = options("TransposeConvOptions", padding=1, strideH=2, strideW=2)
        inputs = [self.constant(shape), self.random(channels, size, size, x.shape[3]), x]
        return self.apply("TRANSPOSE_CONV", inputs, shape, made)

    def dense(self, x: Tensor, channels: int, activation: str | None = None) -> Tensor:
        """FULLY_CONNECTED over the last dimension."""
        made = options(
            "FullyConnectedOptions",
            keepNumDims=True,
            fusedActivationFunction=ACTIVATIONS[activation],
        )
        inputs = [x, self.random(channels, x.shape[-1]), self.random(channels)]
        return self.apply("FULLY_CONNECTED", inputs, (*x.shape[:-1], channels), made)

    def matmul(self, a: Operand, b: Operand, *, adj_x: bool = False, adj_y: bool = False) -> Tensor:
        """BATCH_MATMUL."""
        left, right = self._tensor(a), self._tensor(b)
        rows, columns = left.shape[-1 if adj_x else -2], right.shape[-2 if adj_y else -1]
        batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
        made = options("BatchMatMulOptions", adjX=adj_x, adjY=adj_y)
        return self.apply("BATCH_MATMUL", [left, right], (*batch, rows, columns), made)

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        """RESHAPE."""
        return self.apply("RESHAPE", [x, self.constant(shape)], shape)

    def transpose(self, x: Tensor, *order: int) -> Tensor:
        """TRANSPOSE."""
        return self.apply("TRANSPOSE", [x, self.constant(order)], [x.shape[a] for a in order])

    def nchw(self, x: Tensor) -> Tensor:
        """Channels to the front."""
        return self.transpose(x, 0, 3, 1, 2)

    def nhwc(self, x: Tensor) -> Tensor:
        """Channels to the back."""
        return self.transpose(x, 0, 2, 3, 1)

    def reduce(self, kind: str, x: Tensor, *axes: int, keep: bool = True) -> Tensor:
        """MEAN, SUM and others."""
        kept = [1 if axis in axes else side for axis, side in enumerate(x.shape)]
        shape = kept if keep else [s for axis, s in enumerate(x.shape) if axis not in axes]
        made = options("ReducerOptions", keepDims=keep)
        return self.apply(kind, [x, self.constant(axes)], shape, made)

    def softmax(self, x: Tensor) -> Tensor:
        """SOFTMAX over the last dimension."""
        return self.unary("SOFTMAX", x, options("SoftmaxOptions", beta=1.0))

    def concat(self, *tensors: Operand, axis: int = -1) -> Tensor:
        """CONCATENATION."""
        made = [self._tensor(value) for value in tensors]
        shape = list(made[0].shape)
        shape[axis] = sum(tensor.shape[axis] for tensor in made)
        return self.apply("CONCATENATION", made, shape, options("ConcatenationOptions", axis=axis))

    def slice(self, x: Tensor, begin: Sequence[int], size: Sequence[int]) -> Tensor:
        """SLICE."""
        inputs = [x, self.constant(begin), self.constant(size)]
        return self.apply("SLICE", inputs, size, options("SliceOptions"))

    def split(self, x: Tensor, parts: int, axis: int = -1) -> list[Tensor]:
        """SPLIT into equal parts."""
        shape = list(x.shape)
        shape[axis] //= parts
        made = options("SplitOptions", numSplits=parts)
        number = self.constant(np.int32(axis))
        return self._with_second_input("SPLIT", number, x, [shape] * parts, made)

    def pad(self, x: Tensor, pads: Sequence[Sequence[int]], value: float | None = None) -> Tensor:
        """PAD with zeros, or PADV2 with a value."""
        shape = [side + sum(pair) for side, pair in zip(x.shape, pads, strict=True)]
        if value is None:
            return self.apply("PAD", [x, self.constant(pads)], shape, options("PadOptions"))
        inputs = [x, self.constant(pads), np.float32(value)]
        return self.apply("PADV2", inputs, shape, options("PadV2Options"))

    def pool(self, kind: str, x: Tensor, size: int, stride: int) -> Tensor:
        """MAX_POOL_2D or AVERAGE_POOL_2D without padding."""
        made = options(
            "Pool2DOptions",
            padding=1,
            strideH=stride,
            strideW=stride,
            filterHeight=size,
            filterWidth=size,
        )
        sides = [_side(side, size - 1, stride, "VALID") for side in x.shape[1:3]]
        return self.apply(kind, [x], (x.shape[0], *sides, x.shape[3]), made)

    def _with_second_input(
        self, kind: str, first: Tensor, x: Tensor, shapes: Sequence[Sequence[int]], made: Any
    ) -> list[Tensor]:
        outputs = [Tensor(self._name(kind.lower()), tuple(shape), x.dtype) for shape in shapes]
        self.operators.append(Operator(kind, [first, x], outputs, made))
        return outputs

    def _tensor(self, value: Operand) -> Tensor:
        return value if isinstance(value, Tensor) else self.constant(value)

    def _name(self, what: str) -> str:
        self._count += 1
        return f"{what}_{self._count}"


def _side(side: int, extent: int, stride: int, padding: str) -> int:
    covered = side if padding == "SAME" else side - extent
    return -(-covered // stride)
