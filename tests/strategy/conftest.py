"""One small study for all tests that change nothing of it."""

from __future__ import annotations

import pytest

from tests.strategy.small_study import Inputs, calibrated, study_network, write_study
from tfl_depth.strategy.calibrated_graph import CalibratedGraph
from tfl_depth.strategy.study_input import StudyInput
from tfl_depth.strategy.study_network import StudyNetwork


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> StudyInput:
    """A .tflite network and its dataset."""
    return write_study(tmp_path_factory.mktemp("small_study"))


@pytest.fixture(scope="session")
def small_network(small_study: StudyInput) -> StudyNetwork:
    """The study's network."""
    return study_network(small_study)


@pytest.fixture(scope="session")
def small_calibrated(small_network: StudyNetwork) -> tuple[CalibratedGraph, Inputs]:
    """The network with the split and its ranges, and photos as its graph takes them."""
    return calibrated(small_network)
