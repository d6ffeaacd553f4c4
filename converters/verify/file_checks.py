"""Checks that every int8 file must pass."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph import Graph, Tensor, read_graph
from tfl_depth.converters.graph.kernels import has_kernel, kernel_of
from tfl_depth.encoding import CODES
from tfl_depth.errors import ConversionError
from tfl_depth.format.contract import Contract

_INTEGERS = (np.int8, np.int32, np.int64, np.bool_)


def check_integer_file(model: bytes, contract: Contract, *, per_channel: bool) -> None:
    """Check the types, the shapes, the pinned scales and the kernels of an int8 file.

    Raises:
        ConversionError: a tensor is float, an output is missing, or a scale is not the pinned one.
    """
    graph = read_graph(model)
    wrong = [tensor.name for tensor in graph.tensors() if tensor.dtype not in _INTEGERS]
    if wrong:
        raise ConversionError(f"Expected integer tensors only; these are not: {wrong[:5]}.")
    if set(graph.outputs) != set(contract.output_names):
        raise ConversionError(
            f"Expected outputs {contract.output_names}, got {sorted(graph.outputs)}."
        )
    for name, scale in output_scales(contract).items():
        _check_scale(name, graph.outputs[name], scale)
    if not per_channel:
        _check_kernels(graph)


def output_scales(contract: Contract) -> dict[str, float]:
    """Return the step of each output of an int8 file."""
    if contract.head == "single":
        return {"depth": contract.max_depth_m / CODES}
    return {"integer": 1 / contract.spans.codes_per_span, "fractional": 1 / CODES}


def _check_scale(name: str, tensor: Tensor, expected: float) -> None:
    found = tensor.quantization
    if found is None or len(found.scales) != 1:
        raise ConversionError(f"Expected {name} to have one scale, got {found}.")
    if not np.isclose(found.scales[0], expected, rtol=1e-6) or found.zero_points != (-128,):
        raise ConversionError(
            f"Expected {name} to have the scale {expected} and the zero point -128, got {found}."
        )
    if tensor.shape[0] != 1:
        raise ConversionError(f"Expected {name} of batch 1, got shape {tensor.shape}.")


def _check_kernels(graph: Graph) -> None:
    kernels = [kernel_of(operator) for operator in graph.operators if has_kernel(operator)]
    several = [k.name for k in kernels if k.quantization and len(k.quantization.scales) > 1]
    if several:
        raise ConversionError(f"Expected per-tensor weights, got several steps in {several[:5]}.")
