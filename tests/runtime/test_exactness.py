"""The exact split on real INT8 kernels: every depth from 0 to the maximum, in and out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tests.support.kernels import INSTALLED, codes_of, output_tensors, postprocessed
from tfl_depth.encoding import CODES, Decoder, Spans, decode_float
from tfl_depth.format.contract import read_contract
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.engines import interpreter

# What kernels may add to half a step of the code, by their own rounding.
KERNEL_MM = 0.4
MEAN_FACTOR = 1.05
WHOLE_MM = 0.5
# This part of a span, on either side of a boundary, is near it.
NEAR = 0.02
FLOAT_NOISE = 1e-6

Grid = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What came out of a kernel for every depth of the ramp; all grids (256, 256)."""

    spans: Spans
    model: bytes
    tensors: dict[str, npt.NDArray[np.int8]]
    decoded_m: Grid

    @property
    def codes(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        return codes_of(self.tensors["integer"]), codes_of(self.tensors["fractional"])

    @property
    def true_m(self) -> Grid:
        return ramp.depth_m(self.spans)

    @property
    def span(self) -> npt.NDArray[np.int64]:
        return ramp.span(self.spans)

    @property
    def place(self) -> Grid:
        """Where in its span each true depth lies, 0 to 1."""
        near_edge_m = np.array(self.spans.edges_m)[self.span]
        return np.asarray((self.true_m - near_edge_m) / self.width_m)

    @property
    def width_m(self) -> Grid:
        return np.array(self.spans.widths_m)[self.span]

    @property
    def step_mm(self) -> Grid:
        return 1000 * self.width_m / CODES

    @property
    def error_mm(self) -> Grid:
        return 1000 * np.abs(self.decoded_m - self.true_m)

    @property
    def error_codes(self) -> Grid:
        return self.error_mm / self.step_mm


def read(model: bytes, spans: Spans, *, package: str, xnnpack: bool) -> Reading:
    tensors = output_tensors(model, ramp.image(), package=package, xnnpack=xnnpack)
    integer, fractional = (codes_of(tensors[name]) for name in ("integer", "fractional"))
    decoded_m = decode_float(integer / spans.codes_per_span, fractional / CODES, spans)
    return Reading(spans, model, tensors, decoded_m)


@pytest.fixture(
    scope="module",
    params=product(INSTALLED, [True, False], ramp.SPANS),
    ids=lambda p: f"{p[0].partition('.')[0]}-{'xnnpack' if p[1] else 'reference'}-{p[2]}",
)
def reading(request: pytest.FixtureRequest, models: Path) -> Reading:
    package, xnnpack, name = request.param
    model = (models / ramp.file_name(name)).read_bytes()
    return read(model, ramp.SPANS[name], package=package, xnnpack=xnnpack)


def test_ramp_drives_the_whole_range_in_steps_below_a_millimeter() -> None:
    for name, spans in ramp.SPANS.items():
        depths = np.unique(ramp.depth_m(spans))
        assert (depths[0], depths[-1]) == (0, spans.max_depth_m)
        # Of 80 m the coarsest span has steps of 188 mm, so 2.5 mm are many enough.
        assert np.diff(depths).max() < (0.001 if name != "80m-growing" else 0.0025)


def test_error_is_half_a_step_and_the_rounding_of_kernels(reading: Reading) -> None:
    assert (reading.error_mm <= reading.step_mm / 2 + KERNEL_MM).all()


def test_mean_error_in_each_span_is_a_quarter_step(reading: Reading) -> None:
    for n in range(reading.spans.count):
        mean = reading.error_codes[reading.span == n].mean()
        assert 0.9 / 4 < mean < MEAN_FACTOR / 4


def test_error_at_boundaries_is_no_larger_than_elsewhere(reading: Reading) -> None:
    """In steps of the code, so that spans of all widths can be compared.

    If boundaries are like any other place, the errors near them are a sample of the others: their
    maximum cannot be larger, and their mean differs by chance only (a code's error is as evenly
    spread over 0 to half a step as 8 values can be).
    """
    near = np.minimum(reading.place, 1 - reading.place) < NEAR
    at_boundaries, elsewhere = reading.error_codes[near], reading.error_codes[~near]
    assert at_boundaries.size > reading.error_codes.size * NEAR
    assert at_boundaries.max() <= elsewhere.max() + FLOAT_NOISE
    assert at_boundaries.mean() <= 1.02 * elsewhere.mean()


def test_decoding_is_monotone(reading: Reading) -> None:
    order = np.argsort(reading.true_m, axis=None, kind="stable")
    assert (np.diff(reading.decoded_m.ravel()[order]) >= -FLOAT_NOISE).all()


def test_every_level_of_two_bytes_is_reached(reading: Reading) -> None:
    levels = np.unique(np.rint(reading.decoded_m / FLOAT_NOISE))
    assert levels.size == reading.spans.count * CODES + 1


def test_fifteen_meters_have_3826_levels() -> None:
    assert ramp.SPANS["15m-1m"].count * CODES + 1 == 3826


def test_self_check_passes_everywhere(reading: Reading) -> None:
    assert not Decoder(reading.spans).disagreement(*reading.codes).any()


def test_whole_millimeters_are_the_nearest(reading: Reading) -> None:
    depth_mm = postprocessed(reading.tensors, read_contract(reading.model))
    assert np.abs(depth_mm - 1000 * reading.decoded_m).max() <= WHOLE_MM + FLOAT_NOISE


@pytest.mark.parametrize("xnnpack", [True, False])
@pytest.mark.parametrize("package", INSTALLED)
@pytest.mark.parametrize("name", ramp.SPANS)
def test_runner_is_exact_to_the_millimeter(
    name: str, package: str, xnnpack: bool, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "PACKAGES", (package,))
    spans = ramp.SPANS[name]
    with DepthRunner(models / ramp.file_name(name), xnnpack=xnnpack) as runner:
        depth_mm = runner.infer(ramp.image(), size="model", channels="rgb")
    true_mm = 1000 * ramp.depth_m(spans)
    half_step_mm = np.array(spans.steps_mm)[ramp.span(spans)] / 2
    assert (np.abs(depth_mm - true_mm) <= half_step_mm + KERNEL_MM + WHOLE_MM).all()


@pytest.mark.parametrize("xnnpack", [True, False])
@pytest.mark.parametrize("package", INSTALLED)
def test_coarse_sums_cost_an_eighth_of_a_code(package: str, xnnpack: bool, models: Path) -> None:
    """Three features instead of 24: see tests/support/ramp.py for why this is worse."""
    model = (models / ramp.coarse_file_name()).read_bytes()
    reading = read(model, ramp.SPANS[ramp.COARSE], package=package, xnnpack=xnnpack)
    assert reading.error_codes.max() <= 1 / 2 + 1 / 8
    assert reading.error_codes.mean() <= 1.06 / 4
    assert not Decoder(reading.spans).disagreement(*reading.codes).any()


# Beside the rounding to whole millimeters: half a step, and what computing in float32 or in int16
# (steps of 0.3 mm for one output, twice rounded) adds.
OTHERS_MM = {
    ("float32", "split"): 0.01,
    ("float32", "single"): 0.01,
    ("int16x8", "split"): 0.25,
    ("int16x8", "single"): 0.5,
    ("int8", "single"): 10_000 / CODES / 2 + KERNEL_MM,
}


@pytest.mark.parametrize(("precision", "head"), OTHERS_MM)
def test_other_precisions_and_heads_agree_with_the_split(
    precision: str, head: str, models: Path
) -> None:
    file, int8_file = ramp.file_name(ramp.COMMON, head, precision), ramp.file_name(ramp.COMMON)
    with DepthRunner(models / file) as runner, DepthRunner(models / int8_file) as int8_runner:
        assert (runner.contract.precision, runner.contract.head) == (precision, head)
        depth_mm = runner.infer(ramp.image(), size="model", channels="rgb").astype(np.int64)
        int8_mm = int8_runner.infer(ramp.image(), size="model", channels="rgb")
    spans = ramp.SPANS[ramp.COMMON]
    allowed_mm = OTHERS_MM[precision, head] + WHOLE_MM
    assert np.abs(depth_mm - 1000 * ramp.depth_m(spans)).max() <= allowed_mm
    half_step_mm = spans.steps_mm[0] / 2
    assert np.abs(depth_mm - int8_mm).max() <= allowed_mm + half_step_mm + KERNEL_MM + WHOLE_MM
