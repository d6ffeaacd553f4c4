"""The zoo's networks on the Ethos-U family, at the sizes that users deploy: nothing on the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import tfl_depth.models  # noqa: F401 - registers our layers with Keras
from tfl_depth.converters.keras_quantize import to_tflite
from tfl_depth.converters.prepare import at_size, split_normalisation
from tfl_depth.converters.targets import place
from tfl_depth.converters.tflite_graph import read_operators
from tfl_depth.encoding import Spans
from tfl_depth.models.depth_net import depth_net
from tfl_depth.targets import PROFILES

ZOO = Path(__file__).resolve().parent.parent / "zoo"
SIZES = ((192, 256), (384, 640))
TARGETS = ("ethos-u55-128", "ethos-u65-512", "ethos-u85-1024")


def networks() -> dict[str, Path]:
    """A zoo entry for each of the zoo's architectures: what runs where is no matter of weights."""
    entries = sorted(path.parent for path in ZOO.glob("*/model.keras"))
    return {json.loads((e / "recipe.json").read_text())["encoder"]: e for e in entries}


def dual_head(model: keras.Model, size: tuple[int, int]) -> bytes:
    """An int8 file of the network, calibrated on noise: it decides no operator's place."""
    deployed = split_normalisation(at_size(model, size)).deployed(
        precision="int8", head="split", spans=Spans.uniform(10)
    )
    noise = np.random.default_rng(0).uniform(-1, 1, (1, *size, 3)).astype(np.float32)
    return to_tflite(deployed, precision="int8", representative=lambda: iter([noise]))


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("encoder", networks())
def test_no_operator_is_left_to_the_cpu(encoder: str, size: tuple[int, int]) -> None:
    model = keras.saving.load_model(networks()[encoder] / "model.keras", compile=False)
    content = dual_head(model, size)
    names = {operator.name for operator in read_operators(content)}
    for target in TARGETS:
        placement = place(content, target, PROFILES[target]).placement
        # And perhaps a copy of the input before them.
        assert {operator.name for operator in placement.at("npu")} >= names, target
        assert 30 < len(names) <= len(placement.operators) <= len(names) + 1, target
        # Every cycle of the estimate belongs to an operator.
        assert placement.estimate is not None
        cycles = sum(operator.cycles or 0 for operator in placement.operators)
        assert cycles == pytest.approx(placement.estimate.cycles, rel=0.001), target
        assert placement.milliseconds is not None


@pytest.mark.slow
def test_pico_gives_thirty_frames_a_second_in_a_mebibyte_of_sram() -> None:
    content = dual_head(depth_net("pico", (192, 256)), (192, 256))
    target = "ethos-u55-128"
    placement = place(content, target, PROFILES[target]).placement
    assert placement.milliseconds is not None and placement.estimate is not None
    assert placement.milliseconds < 1000 / 30
    assert placement.estimate.sram_bytes <= 1 << 20
