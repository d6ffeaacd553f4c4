"""The conditions on an operator's tensors whose violation crashes a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tfl_depth.format import flatbuffer_reader as tables

# Field numbers, for `flatbuffer_reader.read`.
_OPTIONS = 4
_PADDING, _FILTER_WIDTH, _FILTER_HEIGHT = 0, 3, 4
_SAME = 0
# Of a window that reaches beyond its input.
_SMALL = 16
_BETA = 0

# For an addition: the kernel computes with 20 bits more than its inputs have.
_ADDITION = 2.0**19
# Their kernels stop at a divisor of 0, which each picture may bring. No converter writes them of
# codes.
_DIVISIONS = ("DIV", "FLOOR_DIV", "FLOOR_MOD")
# A softmax multiplies its input's scale by 2^26. The product must be above 1.
_SOFTMAX = 2.0**-25


class TensorForm(NamedTuple):
    """The properties of a tensor that kernels depend on.

    Attributes:
        shape: its dimensions.
        scale: the first scale of its quantization; 0 if it is not quantized.
        codes: whether its type is for quantized codes of at most 16 bits.
        constant: whether the file has its content.
    """

    shape: tuple[int, ...]
    scale: float
    codes: bool
    constant: bool


def check_kernel(
    operator: tables.Table,
    name: str,
    inputs: Sequence[TensorForm],
    outputs: Sequence[TensorForm],
) -> str | None:
    """The condition that an operator's tensors violate, or None."""
    if name == "CAST":  # of numbers as they are
        return None
    if any(each.codes and not each.scale for each in (*inputs, *outputs)):
        return "codes without a scale"
    if name == "DEPTHWISE_CONV_2D" and inputs[0].codes and len(inputs) < 3:
        return "codes without a bias"
    if name in _DIVISIONS and inputs[-1].codes:
        return "codes, of which a divisor may be 0"
    if name in ("ADD", "SUB"):
        largest = max(each.scale for each in inputs)
        if 0 < outputs[0].scale * _ADDITION <= largest:
            return f"a scale of {outputs[0].scale} for inputs of {largest}"
    if name in ("SOFTMAX", "LOG_SOFTMAX"):
        beta = _softmax_beta(operator, name)
        if inputs[0].scale and not beta * inputs[0].scale >= _SOFTMAX:
            return f"an input of scale {inputs[0].scale} and a factor of {beta}"
    if name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        return _pool_problem(operator, inputs[0].shape)
    return None


def _softmax_beta(operator: tables.Table, name: str) -> float:
    options = tables.child(operator, _OPTIONS)
    if name != "SOFTMAX" or options is None:
        return 1.0
    return float(tables.scalar(options, _BETA, "f"))


def _pool_problem(operator: tables.Table, shape: tuple[int, ...]) -> str | None:
    options = tables.child(operator, _OPTIONS)
    if len(shape) != 4 or options is None:
        return f"an input of shape {shape}"
    size = [tables.scalar(options, field, "i") for field in (_FILTER_HEIGHT, _FILTER_WIDTH)]
    # With padding a window may reach from any place to both ends of the input and a little farther.
    padded = tables.scalar(options, _PADDING, "b") == _SAME
    limits = [max(2 * side, _SMALL) if padded else side for side in shape[1:3]]
    if size[0] > limits[0] or size[1] > limits[1]:
        return f"a window of {size[0]}x{size[1]} over {shape[1]}x{shape[2]}"
    return None
