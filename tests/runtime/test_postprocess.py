"""Depth of tensors without codes, and at the image's size, where "no depth" never mixes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import ramp
from tests.support.kernels import postprocessed, stored
from tfl_depth.encoding import Decoder, DepthMm
from tfl_depth.format.contract import read_contract
from tfl_depth.runtime import lookup
from tfl_depth.runtime.upsample import Upsampler

# A float network may give anything; of the range of 10 m and of the head's two tensors.
SINGLE = {"depth": [np.nan, -np.inf, -1, 0.0004, 1.2344, 10.1, np.inf]}
SPLIT = {
    "integer": [np.nan, 3, -np.inf, -1, 0, 1.2, 10.3, np.inf],
    "fractional": [0.5, np.nan, 0, 0, 0.0004, 0.7656, 0, 0],
}
SINGLE_MM = [0, 0, 0, 0, 1234, 10_000, 10_000]
SPLIT_MM = [0, 0, 0, 0, 0, 1234, 10_000, 10_000]


@pytest.mark.parametrize(
    ("head", "values", "expected_mm"),
    [("single", SINGLE, SINGLE_MM), ("split", SPLIT, SPLIT_MM)],
    ids=["single", "split"],
)
def test_float_outputs_are_held_within_the_range(
    head: str, values: dict[str, list[float]], expected_mm: list[int], models: Path
) -> None:
    """What is not a number is no depth."""
    file = models / ramp.file_name(ramp.COMMON, head, "float32")
    outputs = {name: np.array(row, np.float32)[None, None, :, None] for name, row in values.items()}
    contract = read_contract(file.read_bytes())
    np.testing.assert_array_equal(postprocessed(outputs, contract), [expected_mm])


@pytest.mark.parametrize("zero_point", [-128, -121, 127])
def test_one_quantized_output_is_widened_before_its_zero_point_is_taken(
    zero_point: int, models: Path
) -> None:
    file = models / ramp.file_name(ramp.COMMON, "single")
    contract = read_contract(file.read_bytes())
    codes = np.array([-128, -121, -68, 127], np.int8)
    expected_mm = np.clip((codes.astype(np.int64) - zero_point) * 100, 0, 10_000)
    outputs = {"depth": codes[None, None, :, None]}
    found_mm = postprocessed(outputs, contract, {"depth": (0.1, zero_point)})
    np.testing.assert_array_equal(found_mm, [expected_mm])


def upsample(depth_mm: DepthMm, size: tuple[int, ...]) -> DepthMm:
    out = np.empty(size, depth_mm.dtype)
    Upsampler()(depth_mm, out, zeros=lookup.count_zeros(depth_mm))
    return out


@pytest.mark.parametrize("name", ramp.SPANS)
def test_every_pair_of_codes_is_looked_up_in_the_table(name: str, models: Path) -> None:
    """Also where OpenCV is too old to look up 16 bits (the light tests run with OpenCV 4 too)."""
    contract = read_contract((models / ramp.file_name(name)).read_bytes())
    decoder = Decoder(contract.spans)
    consistent = np.flatnonzero(decoder.agrees)
    integer, fractional = (codes.astype(np.uint8) for codes in np.divmod(consistent, 256))
    outputs = {"integer": stored(integer[None]), "fractional": stored(fractional[None])}
    found_mm = postprocessed(outputs, contract)
    np.testing.assert_array_equal(found_mm, [decoder.decode(integer, fractional)])


@pytest.mark.parametrize("table_dtype", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("codes_dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("by_opencv", [True, False])
def test_look_up_is_indexing(
    by_opencv: bool, codes_dtype: Any, table_dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_opencv and not lookup._OPENCV_LOOKS_UP_16_BITS:
        pytest.skip("OpenCV 4 looks up no 16 bits")
    monkeypatch.setattr(lookup, "_OPENCV_LOOKS_UP_16_BITS", by_opencv)
    random = np.random.default_rng(12)
    top = np.iinfo(codes_dtype).max + 1
    table = random.integers(0, np.iinfo(table_dtype).max, top, table_dtype, endpoint=True)
    codes = random.integers(0, top, (33, 70), codes_dtype)
    out = np.empty(codes.shape, table_dtype)
    zeros = lookup.LookUp(table)(codes, out)
    np.testing.assert_array_equal(out, table[codes])
    assert zeros == lookup.count_zeros(out) == np.count_nonzero(table[codes] == 0)


SIZES = [(64, 96), (65, 97), (31, 200), (480, 640), (5, 7), (1, 1)]


def depth_with_holes(dtype: Any, share: float) -> DepthMm:
    random = np.random.default_rng(9)
    depth_mm = random.integers(40_000, 60_000, (32, 48)).astype(dtype)
    depth_mm[random.random(depth_mm.shape) < share] = 0
    return depth_mm


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("size", SIZES)
def test_shape_and_dtype_are_kept(size: tuple[int, int], dtype: Any) -> None:
    upsampled = upsample(depth_with_holes(dtype, 0.1), size)
    assert (upsampled.shape, upsampled.dtype) == (size, dtype)


@pytest.mark.parametrize(("scale", "dtype"), [(1, np.uint16), (1000, np.uint32)])
def test_depth_between_two_pixels_lies_between(scale: int, dtype: Any) -> None:
    """Also past 16 bits, in whole millimeters."""
    row = np.array([[1001 * scale, 2001 * scale]], dtype)
    expected = np.array([[1001, 1251, 1751, 2001]]) * scale
    np.testing.assert_array_equal(upsample(row, (1, 4)), expected)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_own_size_changes_nothing(dtype: Any) -> None:
    depth_mm = depth_with_holes(dtype, 0.2)
    np.testing.assert_array_equal(upsample(depth_mm, depth_mm.shape), depth_mm)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_no_depth_never_mixes(share: float, size: tuple[int, int], dtype: Any) -> None:
    """Depth is 40 to 60 m where there is any: mixed with 0 it would be less."""
    depth_mm = depth_with_holes(dtype, share)
    upsampled = upsample(depth_mm, size)
    assert ((upsampled == 0) | (upsampled >= depth_mm[depth_mm > 0].min())).all()
    assert upsampled.max() <= depth_mm.max()


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (480, 640)])
def test_no_depth_spreads_over_all_that_it_touches(size: tuple[int, int]) -> None:
    depth_mm = np.full((32, 48), 5000, np.uint16)
    depth_mm[10, 20] = 0
    upsampled = upsample(depth_mm, size)
    scale = np.divide(size, depth_mm.shape)
    centers = [(np.arange(n) + 0.5) / s - 0.5 for n, s in zip(size, scale, strict=True)]
    touched = np.outer(np.abs(centers[0] - 10) < 1 - 1e-3, np.abs(centers[1] - 20) < 1 - 1e-3)
    assert not upsampled[touched].any()
    near = np.outer(np.abs(centers[0] - 10) < 1 + 1e-3, np.abs(centers[1] - 20) < 1 + 1e-3)
    assert (upsampled[~near] == 5000).all()


def test_no_depth_at_all_stays_so() -> None:
    assert not upsample(np.zeros((3, 4), np.uint16), (30, 40)).any()
