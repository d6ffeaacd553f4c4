"""A float network with some of its kernels and feature maps rounded to int8.

It measures each source of the error alone, which an int8 file cannot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import (
    Graph,
    GraphRunner,
    Operator,
    Quantization,
    Tensor,
    constant,
    options,
)
from tfl_depth.converters.graph.kernels import has_kernel, kernel_of, set_kernel
from tfl_depth.converters.headed import HeadedGraph
from tfl_depth.converters.ptq.weight_grid import nearest_kernel
from tfl_depth.converters.quantize.parameters import Range
from tfl_depth.converters.quantize.rules import SAME_SCALE
from tfl_depth.converters.quantize.scales import choose_scales
from tfl_depth.encoding import Spans, decode_float
from tfl_depth.strategy.study_input import Grid

# These have their input's scale and still round; the others of `SAME_SCALE` move codes only.
_ROUNDING = frozenset({"AVERAGE_POOL_2D", "RESIZE_BILINEAR"})
INT8 = np.dtype(np.int8)

Inputs = Iterable[npt.NDArray[np.float32]]


@dataclass
class FakeQuantModel:
    """A network whose kernels and feature maps can be quantized one by one.

    Attributes:
        headed: the float graph with its head; is not changed.
        ranges: of its feature maps.
    """

    headed: HeadedGraph
    ranges: Mapping[Tensor, Range]
    _scales: dict[Tensor, Quantization] = field(init=False)

    def __post_init__(self) -> None:
        self._scales = choose_scales(self.headed.graph, self.ranges, self.headed.pinned, bits=8)

    @property
    def kernels(self) -> tuple[str, ...]:
        """The operators with rounded kernels, by their outputs."""
        return tuple(op.output.name for op in self._with_kernel(self.headed.graph))

    @property
    def maps(self) -> tuple[str, ...]:
        """The feature maps without those of the head: their int8 codes are exact."""
        return tuple(tensor.name for tensor in self._maps())

    def depth(
        self,
        inputs: Inputs,
        *,
        kernels: Collection[str] = (),
        per_channel: bool = True,
        maps: Collection[str] = (),
    ) -> list[Grid]:
        """Depth with these kernels rounded to the nearest int8 code and these maps in int8.

        Args:
            inputs: of the graph, (1, H, W, 3) float32 each.
            kernels: names of operators.
            per_channel: whether each output channel of a kernel has its own scale.
            maps: names of feature maps.

        Returns:
            A grid (h, w) in meters for each input.
        """
        graph = self._quantized(kernels, per_channel, maps)
        (source,) = graph.inputs.values()
        runner = GraphRunner(graph)
        spans = self.headed.spans
        return [
            depth_of_outputs({name: found[tensor] for name, tensor in graph.outputs.items()}, spans)
            for found in (runner({source: each}) for each in inputs)
        ]

    def _quantized(
        self, kernels: Collection[str], per_channel: bool, maps: Collection[str]
    ) -> Graph:
        graph, mine = self.headed.graph.copy_with_map()
        scales = {mine[tensor]: self._scales[tensor] for tensor in self._maps()}
        for operator in self._with_kernel(graph):
            if operator.output.name in kernels:
                kernel = kernel_of(operator)
                rounded = nearest_kernel(operator, per_channel=per_channel)
                set_kernel(operator, constant(kernel.name, rounded))
        for tensor, quantization in scales.items():
            if tensor.name in maps:
                _round_trip(graph, tensor, quantization)
        return graph

    def _with_kernel(self, graph: Graph) -> list[Operator]:
        found = [op for op in self.headed.graph.operators if has_kernel(op)]
        names = {op.output.name for op in found if kernel_of(op) not in self.headed.exact}
        return [op for op in graph.operators if op.output.name in names]

    def _maps(self) -> list[Tensor]:
        kinds = {kind for kind in SAME_SCALE if kind not in _ROUNDING}
        return [
            operator.output
            for operator in self.headed.graph.operators
            if operator.kind not in kinds
            and operator.output in self._scales
            and operator.output not in self.headed.pinned
        ]


def _round_trip(graph: Graph, tensor: Tensor, quantization: Quantization) -> None:
    """Round a tensor to its int8 codes for all its consumers."""
    producer = graph.producer(tensor)
    if producer is None:
        raise ValueError(f"Expected {tensor.name} to be computed.")
    codes = Tensor(f"{tensor.name}_codes", tensor.shape, INT8, quantization=quantization)
    rounded = Tensor(f"{tensor.name}_rounded", tensor.shape, tensor.dtype)
    graph.redirect(tensor, rounded)
    made = [
        Operator("QUANTIZE", [tensor], [codes], options("QuantizeOptions")),
        Operator("DEQUANTIZE", [codes], [rounded], options("DequantizeOptions"), version=2),
    ]
    graph.insert_after(producer, made)


def depth_of_outputs(outputs: Mapping[str, npt.NDArray[np.floating]], spans: Spans) -> Grid:
    """Meters (h, w) of a float graph's outputs (1, h, w, 1), with the split or the single head."""
    maps = {name: values[0, ..., 0] for name, values in outputs.items()}
    if "depth" in maps:
        return np.asarray(maps["depth"], np.float32)
    return np.asarray(decode_float(maps["integer"], maps["fractional"], spans), np.float32)
