"""The table of experiments holds together."""

from __future__ import annotations

from tfl_depth.recipes import TRAINED, recipe_named
from tfl_depth.strategy.experiments import EXPERIMENTS, GRANULARITIES, PHASES, experiment_id


def test_ids_are_unique_and_every_phase_has_an_experiment() -> None:
    assert len({each.id for each in EXPERIMENTS}) == len(EXPERIMENTS)
    assert {each.phase for each in EXPERIMENTS} == set(PHASES)


def test_recipes_are_known() -> None:
    for each in EXPERIMENTS:
        if each.recipe is not None and each.recipe not in TRAINED:
            recipe_named(each.recipe)
        assert each.is_float == (each.precision in ("float32", "float16"))


def test_an_id_tells_the_granularity() -> None:
    by_id = {each.id: each for each in EXPERIMENTS}
    for granularity, per_channel in GRANULARITIES.items():
        assert by_id[experiment_id("gptq", granularity)].per_channel == per_channel
    assert experiment_id("split-gptq", "per_channel") not in by_id


def test_a_quick_run_trains_each_network_once() -> None:
    trained = [each.id for each in EXPERIMENTS if each.quick and each.is_trained]
    assert trained == ["longer", "two-heads-round/per_channel", "gptq-qat/per_channel"]
