"""From experiments to files, and the depth that they give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.strategy.small_study import SIZE, Inputs
from tfl_depth.converters.graph import read_graph
from tfl_depth.errors import ConversionError
from tfl_depth.format.contract import read_contract
from tfl_depth.runtime.preprocess import resize_pixels
from tfl_depth.strategy.calibrated_graph import CalibratedGraph
from tfl_depth.strategy.candidates import Candidates
from tfl_depth.strategy.deviation import median_mm
from tfl_depth.strategy.experiments import EXPERIMENTS
from tfl_depth.strategy.layer_sensitivity import layer_sensitivity
from tfl_depth.strategy.study_input import NetworkOptions, StudyInput
from tfl_depth.strategy.study_network import StudyNetwork

BY_ID = {each.id: each for each in EXPERIMENTS}


@pytest.fixture(scope="module")
def candidates(
    small_study: StudyInput,
    small_network: StudyNetwork,
    small_calibrated: tuple[CalibratedGraph, Inputs],
) -> Candidates:
    made, inputs = small_calibrated
    sensitivity = layer_sensitivity(made, inputs[:1], small_study.progress)
    pixels = [resize_pixels(sample.rgb, SIZE) for sample in small_study.samples]
    return Candidates(small_study, small_network, "split", pixels, sensitivity)


def far_mm(candidates: Candidates, name: str) -> float:
    made = candidates.make(BY_ID[name])
    return median_mm(made.reference, list(made.depth(candidates.pixels)))


def test_a_float_file_gives_the_network_s_depth(candidates: Candidates) -> None:
    assert far_mm(candidates, "fp32") < 0.6


def test_an_int8_file_is_what_the_experiment_asks_for(candidates: Candidates) -> None:
    made = candidates.make(BY_ID["gptq/per_tensor"])
    assert made.model is not None
    contract = read_contract(made.model)
    assert (contract.head, contract.recipe, contract.precision) == ("split", "gptq", "int8")
    assert median_mm(made.reference, list(made.depth(candidates.pixels))) < far_mm(
        candidates, "split/per_tensor"
    )


def test_a_network_that_cannot_be_split_gets_the_single_head(candidates: Candidates) -> None:
    made = replace(candidates, head="single").make(BY_ID["split/per_channel"])
    assert made.model is not None and read_contract(made.model).head == "single"


def test_float16_halves_the_weights_and_keeps_the_contract(candidates: Candidates) -> None:
    made = candidates.make(BY_ID["float16"])
    assert made.model is not None
    read_contract(made.model)
    assert any(tensor.dtype == np.float16 for tensor in read_graph(made.model).tensors())
    assert median_mm(made.reference, list(made.depth(candidates.pixels))) < 10


def test_int16_feature_maps_are_simulated_and_said_to_be(candidates: Candidates) -> None:
    wide, mixed = (candidates.make(BY_ID[f"{name}/per_channel"]) for name in ("wide", "mixed"))
    assert wide.model is None and wide.note == "simulated"
    assert mixed.model is None and "feature maps in int16" in mixed.note
    errors = [
        median_mm(each.reference, list(each.depth(candidates.pixels))) for each in (wide, mixed)
    ]
    assert errors[0] < errors[1] < far_mm(candidates, "gptq/per_channel") + 5


def test_a_network_s_options_are_passed_on(candidates: Candidates) -> None:
    network = replace(candidates.network, options=NetworkOptions(unit="mm"))
    with pytest.raises(ConversionError):
        replace(candidates, network=network).make(BY_ID["fp32"])
