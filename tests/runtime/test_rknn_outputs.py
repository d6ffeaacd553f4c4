"""Depth of the outputs that Rockchip's own runtime gives: codes, as bytes or as floats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.encoding import CODES, encode
from tfl_depth.errors import InterpreterError
from tfl_depth.format.contract import Contract, read_contract
from tfl_depth.runtime.rknn_outputs import decode_rknn

SIZE = (30, 40)


@pytest.fixture(scope="module")
def contract(net: Path) -> Contract:
    return read_contract(net.read_bytes())


@pytest.fixture(scope="module")
def depth_m(contract: Contract) -> npt.NDArray[np.float64]:
    """Every part of the range, in (30, 40)."""
    return np.linspace(0.1, contract.spans.max_depth_m, SIZE[0] * SIZE[1]).reshape(SIZE)


def as_bytes(contract: Contract, depth_m: npt.NDArray[np.float64]) -> list[npt.NDArray[np.int8]]:
    """What a network that computes `depth_m` gives: integer and fractional, (1, H, W, 1)."""
    codes = encode(depth_m, contract.spans)
    return [(each.astype(np.int16) - 128).astype(np.int8)[None, ..., None] for each in codes]


def test_bytes_are_the_encoded_depth(contract: Contract, depth_m: npt.NDArray[np.float64]) -> None:
    found_mm = decode_rknn(contract, as_bytes(contract, depth_m))
    assert found_mm.shape == SIZE
    largest_mm = max(contract.spans.steps_mm) / 2 + 0.5
    assert np.abs(found_mm - 1000 * depth_m).max() <= largest_mm


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_floats_give_the_same_depth(
    dtype: Any, contract: Contract, depth_m: npt.NDArray[np.float64]
) -> None:
    """RKNNLite gives the values that the codes stand for, unless it is told otherwise."""
    given = as_bytes(contract, depth_m)
    steps = (contract.spans.codes_per_span, CODES)
    floats = [
        ((each.astype(np.float64) + 128) / step).astype(dtype)
        for each, step in zip(given, steps, strict=True)
    ]
    np.testing.assert_array_equal(decode_rknn(contract, floats), decode_rknn(contract, given))


def test_outputs_in_the_wrong_order_are_refused(
    contract: Contract, depth_m: npt.NDArray[np.float64]
) -> None:
    with pytest.raises(InterpreterError, match=r"contradict each other on .*pass `integer` first"):
        decode_rknn(contract, as_bytes(contract, depth_m)[::-1])


def test_outputs_of_another_type_are_refused(
    contract: Contract, depth_m: npt.NDArray[np.float64]
) -> None:
    codes = [each.astype(np.int16) for each in as_bytes(contract, depth_m)]
    with pytest.raises(InterpreterError, match="Expected outputs of int8 or float, got int16"):
        decode_rknn(contract, codes)
