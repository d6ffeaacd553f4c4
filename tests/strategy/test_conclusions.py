"""What results decide."""

from __future__ import annotations

import pytest

from tests.strategy.small_study import results
from tfl_depth.strategy.conclusions import best, conclusion, decision, goals, trajectory, usual
from tfl_depth.strategy.experiments import PHASES

MEDIANS_MM = {
    "fp32": 0.1,
    "int8/per_channel": 30.0,
    "int8/per_tensor": 90.0,
    "mse/per_channel": 29.0,
    "split/per_channel": 20.0,
    "split/per_tensor": 80.0,
    "bias-correction/per_channel": 15.0,
    "gptq/per_channel": 10.0,
    "gptq/per_tensor": 12.0,
    "wide/per_channel": 5.0,
    "mixed/per_channel": 7.0,
    "two-heads-round/per_channel": 2.0,
    "gptq-qat/per_channel": 9.5,
}


def test_the_best_is_the_nearest_that_converts_the_network_itself() -> None:
    found = best(results(MEDIANS_MM), "per_channel")
    # Trained heads belong to another network, int16 is simulated, training brings too little.
    assert found is not None and found.experiment.id == "gptq/per_channel"


def test_training_is_taken_where_it_pays() -> None:
    found = best(results({**MEDIANS_MM, "gptq-qat/per_channel": 5.0}), "per_channel")
    assert found is not None and found.experiment.id == "gptq-qat/per_channel"
    assert best(results({"fp32": 0.1}), "per_tensor") is None


def test_the_conclusion_names_the_recipe_and_its_figures() -> None:
    text = conclusion(results(MEDIANS_MM))
    assert "per channel: `--recipe gptq`" in text
    assert "one INT8 output changes it by" in text
    assert "median deviation from FP32 is 10.0 mm instead of 30.0 mm" in text
    assert "per tensor: `--recipe gptq`" in text and "12.0 mm instead of 90.0 mm" in text


def test_without_one_output_the_split_is_compared_with() -> None:
    medians = {name: mm for name, mm in MEDIANS_MM.items() if not name.startswith("int8/")}
    found = usual(results(medians), "per_channel")
    assert found is not None and found.experiment.id == "split/per_channel"
    assert "cannot give depth as one int8 output" in decision(results(medians), "split")


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        ("baseline", "by 30 mm"),
        ("calibration", "better calibration is not worth it"),
        ("weights", "a recipe for the weights is worth it"),
        ("training", "training at int8 is not worth it"),
        ("precision", "10.0 mm with all feature maps in int8, 7.0 mm with a few in int16"),
        ("heads", "The exact split, which needs no training"),
    ],
)
def test_each_phase_is_decided_by_its_figures(phase: str, text: str) -> None:
    said = decision(results(MEDIANS_MM), phase)  # type: ignore[arg-type]
    assert text in said.replace("the depth by 30", "by 30")


def test_nothing_is_decided_without_figures() -> None:
    assert all(decision(results({"fp32": 0.1}), phase) == "" for phase in PHASES)


def test_the_way_leads_through_the_phases_that_were_measured() -> None:
    ids = [found.experiment.id for _, found in trajectory(results(MEDIANS_MM), "per_channel")]
    assert ids == [
        "fp32",
        "int8/per_channel",
        "mse/per_channel",
        "two-heads-round/per_channel",
        "split/per_channel",
        "gptq/per_channel",
        "gptq-qat/per_channel",
    ]


def test_goals_are_in_the_units_that_they_name() -> None:
    found = results({"gptq/per_channel": 10.0}).experiments["gptq/per_channel"]
    reached = {goal.what: goal.reached(found) for goal in goals("per_channel")}
    assert reached["abs_rel, change"] == pytest.approx(1.0)
    assert reached["median deviation"] == pytest.approx(1.0)
    assert reached["delta1, lost"] == pytest.approx(100 * (0.9 / 1.01 - 0.9))
