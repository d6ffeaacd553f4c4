"""Small networks with heads of many kinds, with random weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options
from tfl_depth.converters.graph.run import run_graph

SIZE = (12, 16)
SAME, VALID = 0, 1
NONE, RELU, RELU6 = 0, 1, 3
_OPTIONS = {
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "DIV": "DivOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "POW": "PowOptions",
}


class Net:
    """A graph that grows operator by operator; each method gives the new tensor."""

    def __init__(self, size: tuple[int, int] = SIZE, channels: int = 3, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.image = Tensor("image", (1, *size, channels), np.dtype(np.float32))
        self.graph = Graph({"image": self.image}, {})

    def add(
        self,
        kind: str,
        inputs: Sequence[Tensor],
        shape: Sequence[int],
        made: Any = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> Tensor:
        name = self.graph.unique_name(kind.lower())
        result = Tensor(name, tuple(shape), np.dtype(dtype))
        self.graph.operators.append(Operator(kind, list(inputs), [result], made))
        return result

    def weights(self, *shape: int, scale: float | None = None) -> Tensor:
        fan_in = int(np.prod(shape[1:])) or 1
        values = self.random.normal(scale=scale or fan_in**-0.5, size=shape)
        return constant(self.graph.unique_name("weights"), values)

    def number(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> Tensor:
        return constant(self.graph.unique_name("number"), value, dtype)

    def conv(
        self,
        x: Tensor,
        filters: int = 1,
        side: int = 1,
        *,
        activation: int = NONE,
        padding: int = SAME,
        stride: int = 1,
        kernel: Tensor | None = None,
    ) -> Tensor:
        kernel = kernel or self.weights(filters, side, side, x.shape[3])
        bias = self.number(self.random.normal(size=filters) * 0.3)
        cut = 0 if padding == SAME else side - 1
        height, width = ((n - cut + stride - 1) // stride for n in x.shape[1:3])
        made = options(
            "Conv2DOptions",
            padding=padding,
            strideH=stride,
            strideW=stride,
            fusedActivationFunction=activation,
        )
        return self.add("CONV_2D", [x, kernel, bias], (1, height, width, filters), made)

    def depthwise(self, x: Tensor, multiplier: int = 1, side: int = 3) -> Tensor:
        channels = x.shape[3] * multiplier
        kernel, bias = self.weights(1, side, side, channels), self.number(np.zeros(channels))
        made = options(
            "DepthwiseConv2DOptions",
            padding=SAME,
            strideH=1,
            strideW=1,
            depthMultiplier=multiplier,
        )
        return self.add("DEPTHWISE_CONV_2D", [x, kernel, bias], (*x.shape[:3], channels), made)

    def transposed(self, x: Tensor, side: int = 4) -> Tensor:
        shape = (1, 2 * x.shape[1], 2 * x.shape[2], 1)
        kernel, bias = self.weights(1, side, side, x.shape[3]), self.number([0.2])
        made = options("TransposeConvOptions", padding=SAME, strideH=2, strideW=2)
        inputs = [self.number(shape, np.int32), kernel, x, bias]
        tensor = self.add("TRANSPOSE_CONV", inputs, shape, made)
        self.graph.operators[-1].version = 3  # the first with a bias
        return tensor

    def dense(self, x: Tensor, units: int = 1) -> Tensor:
        kernel = self.weights(units, x.shape[-1])
        bias = self.number(self.random.normal(size=units) * 0.3)
        made = options("FullyConnectedOptions", keepNumDims=len(x.shape) > 2)
        return self.add("FULLY_CONNECTED", [x, kernel, bias], (*x.shape[:-1], units), made)

    def features(self, channels: int = 8) -> Tensor:
        return self.conv(self.image, channels, 3, activation=RELU)

    def unary(self, kind: str, x: Tensor) -> Tensor:
        return self.add(kind, [x], x.shape)

    def binary(self, kind: str, x: Tensor | float, y: Tensor | npt.ArrayLike) -> Tensor:
        one, other = (v if isinstance(v, Tensor) else self.number(v) for v in (x, y))
        shape = max((one.shape, other.shape), key=lambda s: (int(np.prod(s)), len(s)))
        return self.add(kind, [one, other], shape, options(_OPTIONS[kind]))

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        target = self.number(shape, np.int32)
        return self.add("RESHAPE", [x, target], shape, options("ReshapeOptions"))

    def transpose(self, x: Tensor, *order: int) -> Tensor:
        shape = [x.shape[axis] for axis in order]
        return self.add("TRANSPOSE", [x, self.number(order, np.int32)], shape)

    def resize(self, x: Tensor, height: int, width: int, kind: str = "BILINEAR") -> Tensor:
        name = {"BILINEAR": "ResizeBilinearOptions"}.get(kind, "ResizeNearestNeighborOptions")
        inputs = [x, self.number((height, width), np.int32)]
        made = options(name, halfPixelCenters=True)
        full = f"RESIZE_{kind}"
        tensor = self.add(full, inputs, (1, height, width, x.shape[3]), made)
        self.graph.operators[-1].version = 3
        return tensor

    def slice(self, x: Tensor, begin: Sequence[int], shape: Sequence[int]) -> Tensor:
        inputs = [x, self.number(begin, np.int32), self.number(shape, np.int32)]
        return self.add("SLICE", inputs, shape, options("SliceOptions"))

    def reduce(self, kind: str, x: Tensor, axis: int, *, keep: bool = True) -> Tensor:
        shape = [1 if i == axis else n for i, n in enumerate(x.shape) if keep or i != axis]
        made = options("ReducerOptions", keepDims=keep)
        return self.add(kind, [x, self.number([axis], np.int32)], shape, made)

    def softmax(self, x: Tensor) -> Tensor:
        return self.add("SOFTMAX", [x], x.shape, options("SoftmaxOptions", beta=1.0))

    def concatenate(self, *tensors: Tensor) -> Tensor:
        channels = sum(tensor.shape[3] for tensor in tensors)
        made = options("ConcatenationOptions", axis=3)
        return self.add("CONCATENATION", tensors, (*tensors[0].shape[:3], channels), made)

    def finish(self, **outputs: Tensor) -> Graph:
        self.graph.outputs = dict(outputs)
        return self.graph

    def photo(self, seed: int = 0) -> npt.NDArray[np.float32]:
        random = np.random.default_rng(seed)
        return random.uniform(-2, 2, self.image.shape).astype(np.float32)


def outputs_of(graph: Graph, image: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    return run_graph(graph, [image])
