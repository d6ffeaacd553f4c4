"""The run of a study: it keeps what it has measured, and the reason of what it has left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest

from tfl_depth.errors import ConversionError
from tfl_depth.strategy import quant_study
from tfl_depth.strategy.candidates import Candidate, Candidates
from tfl_depth.strategy.experiments import EXPERIMENTS, Experiment
from tfl_depth.strategy.quant_study import NOT_ASKED, QuantStudy
from tfl_depth.strategy.study_input import StudyInput

BY_ID = {each.id: each for each in EXPERIMENTS}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three experiments, of which one cannot be converted and one needs training."""
    chosen = tuple(BY_ID[name] for name in ("fp32", "int8/per_channel", "longer"))
    monkeypatch.setattr(quant_study, "EXPERIMENTS", chosen)
    make = Candidates.make

    def make_float(self: Candidates, experiment: Experiment) -> Candidate:
        if not experiment.is_float:
            raise ConversionError("The network is odd.")
        return make(self, experiment)

    monkeypatch.setattr(Candidates, "make", make_float)


@pytest.mark.usefixtures("few")
def test_a_second_run_measures_nothing(
    small_study: StudyInput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = QuantStudy(small_study, tmp_path).run(train=False)
    assert list(first.experiments) == ["fp32"]
    assert first.left_out == {"int8/per_channel": "The network is odd.", "longer": NOT_ASKED}
    assert first.experiments["fp32"].deviation.max_mm < 1
    assert len(first.sensitivity.kernels["per_channel"].alone_mm) > 3

    def measured_again(*_args: Any, **_options: Any) -> NoReturn:
        pytest.fail("It was measured before.")

    for name in ("measure", "layer_sensitivity", "error_budget"):
        monkeypatch.setattr(quant_study, name, measured_again)
    study = QuantStudy(small_study, tmp_path)
    assert study.run(train=False) == first
    assert study.grid("fp32").ndim == 2
