"""Comparison of the int8 file with its float graph, operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Tensor
from tfl_depth.errors import ConversionError

# Float values within this many steps of the int8 tensor may share one code.
STEPS_OF_ONE_CODE = 2


@dataclass(frozen=True)
class OperatorError:
    """The error of an int8 operator's output.

    Attributes:
        name: of the output.
        kind: of the operator.
        error: root of the mean squared difference, in standard deviations of the float values.
        dead: the int8 output is constant, and the float one spreads over more than two steps of it.
    """

    name: str
    kind: str
    error: float
    dead: bool


def compare_operators(
    graph: Graph, quantized: Graph, images: Sequence[npt.NDArray[np.float32]]
) -> list[OperatorError]:
    """Run both graphs on the same images and compare every tensor of the same name.

    The error of an operator includes the error of its inputs.

    Args:
        graph: float.
        quantized: the int8 graph that was made of it.
        images: float inputs, (1, H, W, 3) each.

    Returns:
        The operators in order.
    """
    by_name = {tensor.name: tensor for tensor in quantized.computed() if tensor.quantization}
    pairs = {
        op.output: (op.kind, by_name[op.output.name])
        for op in graph.operators
        if op.output.name in by_name and op.output.dtype == np.float32
    }
    (source,), (codes_in,) = graph.inputs.values(), quantized.inputs.values()
    runner = GraphRunner(graph, list(pairs))
    integer = GraphRunner(quantized, [tensor for _, tensor in pairs.values()])
    sums = {tensor: _Sums(_step(other)) for tensor, (_, other) in pairs.items()}
    for image in images:
        expected = runner({source: image})
        found = integer({codes_in: to_codes(image, codes_in)})
        for tensor, (_, other) in pairs.items():
            sums[tensor].add(expected[tensor], to_values(found[other], other))
    return [
        OperatorError(tensor.name, kind, sums[tensor].error, sums[tensor].dead)
        for tensor, (kind, _) in pairs.items()
    ]


def to_codes(values: npt.NDArray[Any], tensor: Tensor) -> npt.NDArray[Any]:
    """Convert real values to an integer tensor's codes; for a float tensor, return them."""
    found = tensor.quantization
    if found is None:
        return np.asarray(values, tensor.dtype)
    codes = np.rint(values / np.float32(found.scales[0])) + found.zero_points[0]
    limits = np.iinfo(tensor.dtype)
    return np.asarray(np.clip(codes, limits.min, limits.max), tensor.dtype)


def to_values(codes: npt.NDArray[Any], tensor: Tensor) -> npt.NDArray[np.float64]:
    """Convert codes to real values; the inverse of `to_codes`."""
    found = tensor.quantization
    if found is None:
        return codes.astype(np.float64)
    return (codes.astype(np.float64) - found.zero_points[0]) * found.scales[0]


class _Sums:
    """Running sums of the values and differences of one tensor."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._count, self._sum, self._squares, self._errors = 0, 0.0, 0.0, 0.0
        # Extremes of the float values, and of the int8 ones.
        self._expected, self._found = _Extremes(), _Extremes()

    def add(self, expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> None:
        values = expected.astype(np.float64)
        self._count += values.size
        self._sum += float(values.sum())
        self._squares += float(np.square(values).sum())
        self._errors += float(np.square(values - found).sum())
        self._expected.add(values)
        self._found.add(found)

    @property
    def _deviation(self) -> float:
        mean = self._sum / self._count
        return float(np.sqrt(max(self._squares / self._count - mean * mean, 0.0)))

    @property
    def error(self) -> float:
        return float(np.sqrt(self._errors / self._count) / max(self._deviation, 1e-12))

    @property
    def dead(self) -> bool:
        enough = STEPS_OF_ONE_CODE * self._step
        return self._found.spread == 0 and self._expected.spread > enough


class _Extremes:
    """Least and greatest value."""

    def __init__(self) -> None:
        self._least, self._most = np.inf, -np.inf

    def add(self, values: npt.NDArray[Any]) -> None:
        self._least = min(self._least, float(values.min()))
        self._most = max(self._most, float(values.max()))

    @property
    def spread(self) -> float:
        return self._most - self._least


def _step(tensor: Tensor) -> float:
    """Return the step of an integer tensor; 0 for a float one."""
    return float(tensor.quantization.scales[0]) if tensor.quantization else 0.0


def refuse_dead(errors: Sequence[OperatorError]) -> None:
    """Refuse a file with an int8 operator of constant output, if the float output varies.

    Raises:
        ConversionError: there is such an operator.
    """
    dead = [error for error in errors if error.dead]
    if dead:
        raise ConversionError(
            f"The output of the operator {dead[0].kind} {dead[0].name} is constant in int8, and "
            "varies in the float network: its integer kernel is wrong here. Report this network, "
            "or convert with --float32."
        )


def worst(errors: Sequence[OperatorError], count: int = 5) -> list[OperatorError]:
    """Return the operators at which the error grows most from input to output."""
    grown = []
    before = 0.0
    for error in errors:
        grown.append((error.error - before, error))
        before = max(before, error.error)
    return [error for _, error in sorted(grown, key=lambda pair: -pair[0])[:count]]
