"""A study's network is imported once, and opened as often as it is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.strategy.small_study import SIZE, study_network
from tfl_depth.strategy import study_network as module
from tfl_depth.strategy.study_input import NetworkOptions, StudyInput


def test_an_import_is_kept(
    small_study: StudyInput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = module.import_for_study(small_study, tmp_path)
    assert first.record.framework == "tflite" and first.size == SIZE

    def refuse(_study_input: StudyInput, _read_photos: module.ReadPhotos) -> None:
        raise AssertionError("imported again")

    monkeypatch.setattr(module, "_imported", refuse)
    again = module.import_for_study(small_study, tmp_path)
    assert again.model == first.model and again.record == first.record


def test_each_opened_graph_may_be_changed(small_study: StudyInput) -> None:
    network = study_network(small_study)
    one, other = network.opened(), network.opened()
    assert one.stage.tensor in one.graph.inputs.values()
    one.graph.outputs.clear()
    one.graph.remove_dead()
    assert not one.graph.operators and other.graph.operators


def test_depth_is_in_meters_by_the_formula(small_study: StudyInput) -> None:
    network = study_network(small_study)
    in_cm = replace(network, options=NetworkOptions(unit="cm"))
    photos = network.read_photos(SIZE)[:2]
    meters = network.depth(photos)
    assert [grid.shape for grid in meters] == [SIZE, SIZE]
    np.testing.assert_allclose(in_cm.depth(photos)[0], meters[0] / 100, rtol=1e-5)
