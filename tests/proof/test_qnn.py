"""Qualcomm's compiler, and its HTP library on x86, to millimeters (make qnn-test)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import htp_spans as htp_ramps
from tests.support import ramp
from tests.support.built_models import built_zoo
from tests.support.kernels import codes_of
from tfl_depth.converters.deployment import compile_for_target, htp_spans, qnn
from tfl_depth.encoding import CODES, Decoder, decode_float
from tfl_depth.errors import ConversionError, ModelFileError
from tfl_depth.format.contract import read_contract
from tfl_depth.format.golden import read_golden
from tfl_depth.format.model_check import check_model
from tfl_depth.proof import ENGINES, by_qnn_htp, prove_by
from tfl_depth.proof.part_folder import VARIABLE
from tfl_depth.runtime.output_layout import Tensors
from tfl_depth.targets import TARGETS

# In steps of the code: a boundary that is not coarse, and how far ramps with as many codes a span
# differ.
HALF, BETWEEN_RAMPS = 0.5, 0.2
ROOT = Path(__file__).resolve().parents[2]
TARGETS_OF_QUALCOMM = [name for name, target in TARGETS.items() if target.htp_soc]
# Beside half a step of the code: what an HTP adds near a boundary of two spans, and elsewhere.
BOUNDARY_MM, ELSEWHERE_MM = 8.0, 1.0
# This far from a boundary, codes are exact but for one rounding.
NEAR_MM = 6.5

needs_qualcomm = pytest.mark.skipif(
    ENGINES["qnn-htp"].how_to_install is not None, reason="Needs Qualcomm's parts: make qnn-test."
)


@needs_qualcomm
@pytest.mark.parametrize("name", TARGETS_OF_QUALCOMM)
def test_every_chip_takes_all_operators(name: str, net: Path) -> None:
    model = net.read_bytes()
    made = compile_for_target(model, name, TARGETS[name])
    assert made.placement.at("npu") == made.placement.operators
    assert made.placement.traffic is not None and made.placement.traffic.spilled == 0
    assert made.compiled is not None
    check_model(made.compiled)
    contract, kept = read_contract(model), read_contract(made.compiled)
    assert kept == contract
    np.testing.assert_array_equal(
        read_golden(made.compiled, kept).depth_mm, read_golden(model, contract).depth_mm
    )


@needs_qualcomm
@pytest.mark.parametrize("spans", ["10m-1m", "15m-1m", "80m-growing"])
def test_a_ramp_is_near_everywhere(spans: str, models: Path) -> None:
    """Every depth, in the HTP's arithmetic: no wraps, no contradictions, nearest at mid-span."""
    split = ramp.SPANS[spans]
    with ENGINES["qnn-htp"].open((models / ramp.file_name(spans)).read_bytes()) as engine:
        found = engine.run(ramp.image())
    integer, fractional = (codes_of(found[name]) for name in ("integer", "fractional"))
    assert not Decoder(split).disagreement(integer, fractional).any()
    decoded_m = decode_float(integer / split.codes_per_span, fractional / CODES, split)
    error_mm = 1000 * np.abs(decoded_m - ramp.depth_m(split))
    number = ramp.span(split)
    step_mm = np.array(split.steps_mm)[number]
    assert (error_mm <= step_mm / 2 + BOUNDARY_MM * step_mm / split.steps_mm[0]).all()
    begin_m = np.array(split.edges_m)[number]
    width_mm = 1000 * np.array(split.widths_m)[number]
    place_mm = 1000 * (ramp.depth_m(split) - begin_m)
    far = np.minimum(place_mm, width_mm - place_mm) * step_mm[0, 0] > NEAR_MM * step_mm
    assert (error_mm[far] <= step_mm[far] / 2 + ELSEWHERE_MM * step_mm[far] / step_mm[0, 0]).all()


@needs_qualcomm
def test_a_network_is_right(net: Path) -> None:
    """Also one whose CPU kernels agree."""
    for model in (built_zoo("pico-nyu-192x256"), net):
        proof = prove_by("qnn-htp", model)
        assert (proof.verdict, proof.byte_for_byte, proof.disagreement) == ("right", False, 0)


@needs_qualcomm
def test_a_htp_that_is_five_steps_off_is_wrong(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = by_qnn_htp.ByQnnHtp.invoke

    def off(self: by_qnn_htp.ByQnnHtp, values: npt.NDArray[Any]) -> Tensors:
        found = right(self, values)
        moved = found["fractional"].astype(np.int16) + 5
        return {**found, "fractional": moved.clip(-128, 127).astype(np.int8)}

    monkeypatch.setattr(by_qnn_htp.ByQnnHtp, "invoke", off)
    assert prove_by("qnn-htp", net).verdict == "wrong"


def test_spans_are_as_measured() -> None:
    measured = json.loads((ROOT / "docs" / "figures" / "htp_spans.json").read_text())
    for codes, steps in measured.items():
        for soc, worst in steps.items():
            said = htp_spans.worst_steps(int(codes), soc)
            assert said == (None if worst < 1 else worst)


@needs_qualcomm
@pytest.mark.parametrize("soc", htp_ramps.SOCS)
@pytest.mark.parametrize("name", ["15m-0.5m", "10m-0.5m", "15m-1m", "10m-1m"])
def test_boundaries_are_as_coarse_as_measured(name: str, soc: str, models: Path) -> None:
    """8, 12, 17 and 25 codes a span, on a Hexagon V68 and a V75."""
    spans = ramp.SPANS[name]
    found = htp_ramps.worst_steps((models / ramp.file_name(name)).read_bytes(), spans, soc)
    said = htp_spans.worst_steps(spans.codes_per_span, soc)
    assert abs(found - (HALF if said is None else said)) < BETWEEN_RAMPS


def test_coarse_boundaries_are_told_for_the_oldest_hexagons(models: Path) -> None:
    """Below 15 codes a span, where a V68 rounds more coarsely than later ones."""
    contract = read_contract((models / ramp.file_name("10m-0.5m")).read_bytes())
    assert contract.spans.codes_per_span == 12
    for soc, better in (("SM8350", 17), ("SM8650", 19)):
        said = htp_spans.boundary_cost(contract, soc)
        assert said is not None and said.startswith("off by up to 5 mm near a boundary")
        assert f"{better} spans" in said


def test_coarse_boundaries_are_told(models: Path) -> None:
    contract = read_contract((models / ramp.file_name("15m-1m")).read_bytes())
    assert htp_spans.boundary_cost(contract, "SM8350") is None
    said = htp_spans.boundary_cost(contract, "SM8650")
    assert said is not None and said.startswith("off by up to 10 mm near a boundary")
    assert "14 spans" in said


@needs_qualcomm
def test_a_compilers_rewriting_is_told_from_damage(
    net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qnn, "_with_new_digest", lambda compiled: compiled)
    made = qnn.compile_for_htp(net.read_bytes(), "SM8650")
    with pytest.raises(ModelFileError, match=r"compiler changed the file .*DISPATCH_OP"):
        read_contract(made.model)


def test_without_the_libraries_it_is_said(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(ConversionError, match=r"pip install --no-deps --target .*onnxruntime-qnn"):
        compile_for_target(net.read_bytes(), "qnn-sm8650", TARGETS["qnn-sm8650"])


def test_a_damaged_file_is_not_called_compiled(net: Path) -> None:
    model = bytearray(net.read_bytes())
    model[-9] ^= 1
    with pytest.raises(ModelFileError, match="damaged or was changed"):
        read_contract(bytes(model))
