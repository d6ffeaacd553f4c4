"""Rockchip's compiler and its simulator, to millimeters (make rknn-test)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support import ramp
from tests.support.kernels import codes_of
from tfl_depth.converters.deployment.rockchip import compile_rknn
from tfl_depth.encoding import CODES, Decoder, decode_float
from tfl_depth.proof import ENGINES, prove_by
from tfl_depth.proof.part_folder import part_folder
from tfl_depth.targets import TARGETS

PLATFORMS = [name for name, target in TARGETS.items() if target.rockchip]
# Beside half a step of the code.
MORE_STEPS = 0.5

pytestmark = pytest.mark.skipif(
    ENGINES["rknn"].how_to_install is not None, reason="Needs rknn-toolkit2: make rknn-test."
)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_chip_takes_the_file(platform: str, net: Path) -> None:
    python = part_folder("rknn") / "bin" / "python"
    made = compile_rknn(net.read_bytes(), platform, str(python))
    assert made.model.startswith(b"RKNN")
    assert made.compiler == "rknn-toolkit2 2.5.0"


def test_a_ramp_is_near_everywhere(models: Path) -> None:
    """Every depth, in the simulator's arithmetic: no wraps, no contradictions."""
    spans = ramp.SPANS["15m-1m"]
    with ENGINES["rknn"].open((models / ramp.file_name("15m-1m")).read_bytes()) as engine:
        found = engine.run(ramp.image())
    integer, fractional = (codes_of(found[name]) for name in ("integer", "fractional"))
    assert not Decoder(spans).disagreement(integer, fractional).any()
    decoded_m = decode_float(integer / spans.codes_per_span, fractional / CODES, spans)
    error_mm = 1000 * np.abs(decoded_m - ramp.depth_m(spans))
    assert error_mm.max() <= (0.5 + MORE_STEPS) * spans.steps_mm[0]


def test_a_network_is_right(net: Path) -> None:
    proof = prove_by("rknn", net)
    assert (proof.verdict, proof.byte_for_byte, proof.disagreement) == ("right", False, 0)
