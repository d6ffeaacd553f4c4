"""Arm's own implementations give the bytes of the reference kernels (make tosa-test)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support import ramp
from tests.support.built_models import built_zoo
from tests.support.vela import ETHOS, vela
from tfl_depth.converters.tflite_facts import read_operators
from tfl_depth.proof import ENGINES, prove_by

ROOT = Path(__file__).resolve().parents[2]
ENGINES_OF_ARM = ["tosa", "tflm"]
RAMPS = [
    *(ramp.file_name(spans) for spans in ramp.SPANS),
    ramp.file_name(ramp.COMMON, "single"),
    ramp.coarse_file_name(),
    *(
        ramp.curve_file_name(curve, w)
        for curve in ramp.CURVES
        for w in ("per-channel", "per-tensor")
    ),
]
# The kinds of operators that scale their sums.
ROUNDING = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD")
NETWORKS = sorted(path.parent.name for path in ROOT.glob("zoo/*/model.keras"))

pytestmark = pytest.mark.skipif(
    any(ENGINES[name].how_to_install for name in ENGINES_OF_ARM),
    reason="Needs Arm's TOSA tools and tflite-micro: make tosa-test.",
)


@pytest.mark.parametrize("engine", ENGINES_OF_ARM)
@pytest.mark.parametrize("file", RAMPS)
def test_every_ramp_has_the_bytes_of_the_reference(file: str, engine: str, models: Path) -> None:
    """Every depth from nothing to the maximum."""
    model = (models / file).read_bytes()
    with ENGINES["reference"].open(model) as reference, ENGINES[engine].open(model) as other:
        expected, found = reference.run(ramp.image()), other.run(ramp.image())
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        assert values.dtype == found[name].dtype
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("engine", ENGINES_OF_ARM)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_zoo_has_the_golden_bytes(name: str, engine: str) -> None:
    proof = prove_by(engine, built_zoo(name))
    assert (proof.byte_for_byte, proof.max_mm) == (True, 0)


@pytest.mark.parametrize("accelerator", ETHOS)
def test_vela_asks_for_the_rounding_of_the_reference(accelerator: str, tmp_path: Path) -> None:
    """What scales its sums rounds twice, as TensorFlow Lite's reference kernels and TOSA do."""
    path = built_zoo("pico-nyu-192x256")
    kinds = [operator.kind for operator in read_operators(path.read_bytes())]
    printed = vela(path, accelerator, tmp_path, verbose=True)
    asked, rounding = [], ""
    for line in printed.splitlines():
        # An Ethos-U85 has one such field for its input and one for its output.
        if found := re.search(r"round_mode = ROUND_MODE_(?!IFM)(?:OFM_)?(\w+)", line):
            rounding = found[1]
        elif re.search(r"NPU_OP_(CONV|DEPTHWISE|ELEMENTWISE)\b", line):
            asked.append(rounding)
    assert len(asked) >= sum(kind in ROUNDING for kind in kinds) > 0
    assert set(asked) <= {"DBL", "DOUBLE_SYMMETRIC"}
