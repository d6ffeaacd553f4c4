"""From a float graph and ranges to the graph of an int8 or int16x8 file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Quantization, Tensor
from tfl_depth.converters.graph.kernels import (
    KERNEL_OPERATORS,
    bias_of,
    features_of,
    has_kernel,
    kernel_of,
    set_bias,
    set_kernel,
)
from tfl_depth.converters.quantize.parameters import (
    BIAS_LIMIT,
    Range,
    activation_quantization,
    codes,
    constant_range,
    kernel_codes,
    kernel_scales,
)
from tfl_depth.converters.quantize.rules import PER_CHANNEL, TIED, unsupported, version
from tfl_depth.converters.quantize.scales import choose_scales
from tfl_depth.errors import ConversionError


@dataclass(frozen=True)
class QuantizationPlan:
    """The parameters that define the codes of a file.

    Attributes:
        ranges: of each computed float tensor.
        pinned: fixed ranges of tensors.
        exact: kernels whose weights are whole multiples of a step, and the step.
        bits: of activations: 8 or 16.
        per_channel: whether each output channel of a convolution has its own step.
    """

    ranges: Mapping[Tensor, Range]
    pinned: Mapping[Tensor, Range] = field(default_factory=dict)
    exact: Mapping[Tensor, float] = field(default_factory=dict)
    bits: int = 8
    per_channel: bool = True


def quantized(graph: Graph, plan: QuantizationPlan) -> Graph:
    """Return a copy of the graph with integer tensors only.

    Weights are rounded to a grid that ends at their largest value. Weights that a recipe has
    rounded to such a grid keep their values.

    Raises:
        ConversionError: an operator has no integer kernel, or a wrong one.
    """
    _check(graph, plan.bits)
    made, mine = graph.copy_with_map()
    writer = _Writer(
        made,
        QuantizationPlan(
            ranges={mine[tensor]: plan.ranges[tensor] for tensor in plan.ranges if tensor in mine},
            pinned={mine[tensor]: plan.pinned[tensor] for tensor in plan.pinned if tensor in mine},
            exact={mine[tensor]: plan.exact[tensor] for tensor in plan.exact if tensor in mine},
            bits=plan.bits,
            per_channel=plan.per_channel,
        ),
    )
    writer.write()
    return made


def _check(graph: Graph, bits: int) -> None:
    lacking = unsupported({operator.kind for operator in graph.operators}, bits)
    if lacking:
        way_out = "--float32" if bits == 8 else "--int8"
        raise ConversionError(
            f"TensorFlow Lite has no int{bits} kernel for {', '.join(lacking)}. Replace these "
            f"operators in the network, or convert with {way_out}."
        )
    for operator in graph.operators:
        if operator.kind == "BATCH_MATMUL" and any(t and t.is_constant for t in operator.inputs):
            raise ConversionError(
                f"The matrix product {operator.output.name} has a constant input, and integer "
                "kernels compute it wrongly: it must become FULLY_CONNECTED."
            )


class _Writer:
    def __init__(self, graph: Graph, plan: QuantizationPlan) -> None:
        self._graph, self._plan, self._bits = graph, plan, plan.bits
        self._dtype = np.dtype(np.int8 if plan.bits == 8 else np.int16)
        self._scales = choose_scales(graph, plan.ranges, plan.pinned, plan.bits)

    def write(self) -> None:
        self._requantize_tied()
        for operator in list(self._graph.operators):
            if has_kernel(operator):
                self._write_kernel(operator)
            self._write_constants(operator)
            operator.version = version(operator.kind, self._bits)
        for tensor, quantization in self._scales.items():
            tensor.dtype, tensor.quantization = self._dtype, quantization

    def _requantize_tied(self) -> None:
        """Insert a QUANTIZE before an operator that needs one scale, if an input has another."""
        for operator in [op for op in self._graph.operators if op.kind in TIED]:
            wanted = self._scales.get(operator.output)
            if wanted is None:
                continue
            for place, tensor in enumerate(operator.inputs):
                if tensor is not None and self._scales.get(tensor, wanted) != wanted:
                    operator.inputs[place] = self._requantized(operator, tensor, wanted)

    def _requantized(self, operator: Operator, tensor: Tensor, wanted: Quantization) -> Tensor:
        made = Tensor(f"{tensor.name}_requantized", tensor.shape, tensor.dtype)
        self._scales[made] = wanted
        self._graph.insert_before(operator, [Operator("QUANTIZE", [tensor], [made])])
        return made

    def _write_kernel(self, operator: Operator) -> None:
        kernel, bias = kernel_of(operator), bias_of(operator)
        axis = KERNEL_OPERATORS[operator.kind].channel_axis
        features = np.float64(np.float32(self._scales[features_of(operator)].scales[0]))
        scales = self._kernel_scales(operator, kernel, bias, float(features))
        channels = kernel.shape[axis]
        weights = kernel_codes(kernel.constant, np.broadcast_to(scales, channels), axis)
        set_kernel(operator, _made(f"{kernel.name}_int8", weights, scales, axis))
        values = np.zeros(channels) if bias is None else bias.constant.astype(np.float64)
        dtype = np.int32 if self._bits == 8 else np.int64
        steps = features * np.float32(scales).astype(np.float64)
        written = np.rint(values / steps).astype(dtype)
        name = f"{kernel.name if bias is None else bias.name}_int{8 * written.itemsize}"
        set_bias(operator, _made(name, written, steps, 0))

    def _kernel_scales(
        self, operator: Operator, kernel: Tensor, bias: Tensor | None, features: float
    ) -> Any:
        if kernel in self._plan.exact:
            return np.array([self._plan.exact[kernel]])
        axis = KERNEL_OPERATORS[operator.kind].channel_axis
        per_channel = self._plan.per_channel and operator.kind in PER_CHANNEL
        # If weights are close to 0, a coarser step keeps the bias within its codes.
        floor = 0.0 if bias is None else np.abs(bias.constant) / (features * BIAS_LIMIT)
        if not per_channel:
            floor = np.max(floor)
        return kernel_scales(kernel.constant, axis if per_channel else None, floor)

    def _write_constants(self, operator: Operator) -> None:
        """Quantize the other float constants of an operator."""
        for place, tensor in enumerate(operator.inputs):
            if tensor is None or not tensor.is_constant or tensor.dtype != np.float32:
                continue
            quantization = activation_quantization(constant_range(tensor.constant), self._bits)
            if operator.kind in TIED:
                quantization = self._scales[operator.output]
            data = codes(tensor.constant, quantization, self._bits)
            name = f"{tensor.name}_int{self._bits}"
            operator.inputs[place] = Tensor(name, tensor.shape, data.dtype, data, quantization)


def _made(name: str, data: Any, scales: Any, axis: int) -> Tensor:
    many = tuple(float(scale) for scale in np.asarray(scales))
    quantization = Quantization(many, (0,) * len(many), axis if len(many) > 1 else 0)
    return Tensor(name, data.shape, data.dtype, data, quantization)
