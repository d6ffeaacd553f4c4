"""Curved spans on real INT8 kernels: every y of a network whose depth is a curve of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tests.support.kernels import INSTALLED, codes_of, output_tensors
from tfl_depth.encoding import CODES, Decoder, Spans, decode_float
from tfl_depth.format.contract import read_contract
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.engines import interpreter

WEIGHTS = ("per-channel", "per-tensor")
# What kernels may add to half a code by their own rounding. A far span of the reciprocal is so
# narrow in y that the convolution's sums step through it in a third of its codes.
KERNEL_CODES = {"sigmoid": 0.1, "disparity": 0.1, "reciprocal": 0.5, "exp": 0.1}
WHOLE_MM = 0.5

Grid = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What came out of a kernel for every y of the ramp; grids (256, 256)."""

    name: str
    spans: Spans
    codes: tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
    true_m: Grid

    @property
    def decoded_m(self) -> Grid:
        integer, fractional = self.codes
        return decode_float(integer / self.spans.codes_per_span, fractional / CODES, self.spans)

    @property
    def ends(self) -> npt.NDArray[np.bool_]:
        """Where depth is at an end of the range, at which the network's curve goes on."""
        ends = (self.spans.edges_m[0], self.spans.max_depth_m)
        return np.isin(self.decoded_m, ends)

    @property
    def error_codes(self) -> Grid:
        """Along the spans, in steps of the code."""
        true, decoded = (np.add(*self.spans.locate(m)) for m in (self.true_m, self.decoded_m))
        return np.asarray(CODES * np.abs(decoded - true))


@pytest.fixture(
    scope="module",
    params=product(INSTALLED, [True, False], ramp.CURVES, WEIGHTS),
    ids=lambda p: f"{p[0].partition('.')[0]}-{'xnnpack' if p[1] else 'own'}-{p[2]}-{p[3]}",
)
def reading(request: pytest.FixtureRequest, models: Path) -> Reading:
    package, xnnpack, name, weights = request.param
    model = (models / ramp.curve_file_name(name, weights)).read_bytes()
    tensors = output_tensors(model, ramp.image(), package=package, xnnpack=xnnpack)
    codes = codes_of(tensors["integer"]), codes_of(tensors["fractional"])
    true_m = ramp.curve_depth_m(ramp.CURVES[name])
    return Reading(name, read_contract(model).spans, codes, true_m)


def test_error_is_half_a_step_and_the_rounding_of_kernels(reading: Reading) -> None:
    allowed = 1 / 2 + KERNEL_CODES[reading.name]
    assert reading.error_codes[~reading.ends].max() <= allowed
    error_mm = 1000 * np.abs(reading.decoded_m - reading.true_m)
    assert error_mm[reading.ends].max() <= max(reading.spans.steps_mm) / 2


def test_mean_error_is_a_quarter_step(reading: Reading) -> None:
    assert 0.98 / 4 < reading.error_codes[~reading.ends].mean() < 1.02 / 4


def test_depth_is_monotone_and_passes_its_check(reading: Reading) -> None:
    order = np.argsort(reading.true_m, axis=None, kind="stable")
    assert (np.diff(reading.decoded_m.ravel()[order]) >= 0).all()
    assert not Decoder(reading.spans).disagreement(*reading.codes).any()


@pytest.mark.parametrize("name", ["sigmoid", "disparity"])
def test_every_level_of_two_bytes_is_reached(name: str, models: Path) -> None:
    """The ramp's steps are finer than the code's everywhere on these two."""
    with DepthRunner(models / ramp.curve_file_name(name, "per-channel")) as runner:
        spans = runner.contract.spans
        depth_mm = runner.infer(ramp.image(), size="model", channels="rgb")
    assert set(depth_mm.ravel()) == set(np.rint(1000 * spans.levels_m).astype(int).ravel())


@pytest.mark.parametrize("xnnpack", [True, False])
@pytest.mark.parametrize("package", INSTALLED)
@pytest.mark.parametrize("name", ramp.CURVES)
def test_runner_is_as_exact(
    name: str, package: str, xnnpack: bool, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "PACKAGES", (package,))
    with DepthRunner(models / ramp.curve_file_name(name, "per-channel"), xnnpack=xnnpack) as runner:
        step_mm = max(runner.contract.spans.steps_mm)
        depth_mm = runner.infer(ramp.image(), size="model", channels="rgb")
    error_mm = np.abs(depth_mm - 1000 * ramp.curve_depth_m(ramp.CURVES[name]))
    assert error_mm.max() <= (1 / 2 + KERNEL_CODES[name]) * step_mm + WHOLE_MM
