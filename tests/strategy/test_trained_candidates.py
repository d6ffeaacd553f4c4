"""Candidates of networks that an earlier run has trained and kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.strategy.small_study import SIZE
from tfl_depth.format.contract import read_contract
from tfl_depth.runtime.preprocess import resize_pixels
from tfl_depth.strategy.candidates import Candidates
from tfl_depth.strategy.deviation import median_mm
from tfl_depth.strategy.experiments import EXPERIMENTS
from tfl_depth.strategy.results import LayerSensitivity, MapSensitivity
from tfl_depth.strategy.study_input import StudyInput
from tfl_depth.strategy.study_network import StudyNetwork
from tfl_depth.strategy.trained_candidates import TrainedCandidates

BY_ID = {each.id: each for each in EXPERIMENTS}
SENSITIVITY = LayerSensitivity({}, {}, MapSensitivity(0.0, {}))


@pytest.mark.parametrize(
    ("name", "file", "recipe"),
    [
        ("longer", "longer", None),
        ("gptq-qat/per_tensor", "qat_per_tensor", "mse"),
    ],
)
def test_a_kept_network_is_converted_without_training(
    name: str,
    file: str,
    recipe: str | None,
    small_study: StudyInput,
    small_network: StudyNetwork,
    tmp_path: Path,
) -> None:
    (tmp_path / f"{file}.tflite").write_bytes(small_network.model)
    (tmp_path / f"{file}.json").write_text(json.dumps(asdict(small_network.record)))
    pixels = [resize_pixels(sample.rgb, SIZE) for sample in small_study.samples[:2]]
    candidates = Candidates(small_study, small_network, "split", pixels, SENSITIVITY)
    made = TrainedCandidates(candidates, tmp_path).make(BY_ID[name])
    assert made.model is not None
    assert read_contract(made.model).recipe == recipe
    assert median_mm(made.reference, list(made.depth(pixels))) < 200
