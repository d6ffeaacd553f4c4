"""Conclusions from the results: the best experiment, the goals, and the decision of each phase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfl_depth.strategy.experiments import (
    GRANULARITIES,
    TITLES,
    Granularity,
    Phase,
    experiment_id,
)
from tfl_depth.strategy.results import ExperimentResult, StudyResults

Results = StudyResults
Found = ExperimentResult

# A phase is worth it if it reduces the median deviation by at least this share.
WORTH = 0.1


def of_phase(
    results: Results, phases: Sequence[Phase], granularity: Granularity, *, trained: bool = False
) -> list[Found]:
    """The int8 files of phases with these weights, as measured.

    Args:
        results: of a study.
        phases: to look at.
        granularity: of the weights.
        trained: use the files of networks that were trained further instead.
    """
    return [
        found
        for found in results.experiments.values()
        if found.experiment.phase in phases
        and found.experiment.precision == "int8"
        and found.experiment.granularity == granularity
        and (found.experiment.network is not None) == trained
    ]


def nearest(found: Sequence[Found]) -> Found | None:
    """The experiment with the smallest median deviation from FP32."""
    return min(found, key=lambda each: each.deviation.median_mm, default=None)


def best(results: Results, granularity: Granularity) -> Found | None:
    """The best int8 file: the nearest to FP32; a trained one only if training is worth it."""
    plain = nearest(of_phase(results, ("split", "weights"), granularity))
    trained = nearest(of_phase(results, ("training",), granularity))
    if plain is None or trained is None:
        return plain
    gain = 1 - trained.deviation.median_mm / plain.deviation.median_mm
    return trained if gain > WORTH else plain


def recommended(results: Results, granularity: Granularity) -> Found | None:
    """What `tfl-depth convert` can make: the nearest to FP32 that needs no training."""
    return nearest(of_phase(results, ("baseline", "split", "weights"), granularity))


def usual(results: Results, granularity: Granularity) -> Found | None:
    """The file with one int8 output; with the split if the network cannot have one int8 output."""
    found = results.experiments
    one = found.get(experiment_id("int8", granularity))
    return one or found.get(experiment_id("split", granularity))


# The phases from FP32 to the best, as charts name them.
TRAJECTORY = (
    "FP32",
    "one INT8\noutput",
    "best\ncalibration",
    "two trained\nheads",
    "exact\nsplit",
    "split +\nweights",
    "split +\ntraining",
)


def trajectory(results: Results, granularity: Granularity) -> list[tuple[str, Found]]:
    """One experiment for each measured phase, from FP32 to the best."""
    found = results.experiments

    def of(phase: Phase, *, trained: bool = False) -> Found | None:
        return nearest(of_phase(results, (phase,), granularity, trained=trained))

    steps = (
        found.get("fp32"),
        found.get(experiment_id("int8", granularity)),
        of("calibration"),
        of("heads", trained=True),
        found.get(experiment_id("split", granularity)),
        of("weights"),
        of("training"),
    )
    labeled = zip(TRAJECTORY, steps, strict=True)
    return [(label, each) for label, each in labeled if each is not None]


@dataclass(frozen=True)
class Goal:
    """A goal.

    Attributes:
        what: in words.
        most: the limit, in the unit of `reached`.
        unit: the unit of both.
        reached: returns the value of an experiment.
    """

    what: str
    most: float
    unit: str
    reached: Callable[[Found], float]


def goals(granularity: Granularity) -> list[Goal]:
    """The goals for the best experiment."""
    per_channel = granularity == "per_channel"
    return [
        Goal("abs_rel, change", 0.5 if per_channel else 1.0, "%", _percent("abs_rel")),
        *([Goal("rmse, change", 0.5, "%", _percent("rmse"))] * per_channel),
        *([Goal("delta1, lost", 0.2, "points", _delta1_lost)] * per_channel),
        Goal("median deviation", 0.5, "% of depth", lambda f: 100 * f.deviation.median_share),
        Goal("95 % deviation", 2.0, "% of depth", lambda f: 100 * f.deviation.p95_share),
        Goal("wraps", 0.0, "% of pixels", lambda f: 100 * f.deviation.wrap_share),
    ]


def _percent(metric: str) -> Callable[[Found], float]:
    return lambda found: 100 * found.change[metric].relative


def _delta1_lost(found: Found) -> float:
    after = found.metrics["delta1"]
    return 100 * (after / (1 + found.change["delta1"].relative) - after)


def change(found: Found) -> str:
    """The change of abs_rel with its interval."""
    interval = found.change["abs_rel"]
    return f"{interval.relative:+.1%} [{interval.low:+.1%}, {interval.high:+.1%}]"


def conclusion(results: Results) -> str:
    """The best file, in a sentence for each granularity of weights."""
    sentences = []
    for granularity in GRANULARITIES:
        chosen, before = best(results, granularity), usual(results, granularity)
        if chosen is None or before is None:
            continue
        medians = [f"{found.deviation.median_mm:.1f}" for found in (before, chosen)]
        sentences.append(
            f"Weights {TITLES[granularity]}: {_named(chosen)} changes abs_rel by {change(chosen)}; "
            f"{_without_recipe(before)} changes it by {change(before)}. The median deviation "
            f"from FP32 is {medians[1]} mm instead of {medians[0]} mm."
        )
    return " ".join(sentences) or "No INT8 file of this network could be made."


def _without_recipe(found: Found) -> str:
    """The file to compare the best one with: its weights are only rounded."""
    return "the split alone" if found.experiment.phase == "split" else "one INT8 output"


def _named(found: Found) -> str:
    experiment = found.experiment
    if experiment.is_trained:
        return f"training ({experiment.title})"
    return f"`--recipe {experiment.recipe}` ({experiment.title})"


def decision(results: Results, phase: Phase) -> str:
    """The decision of a phase, with its figures."""
    return " ".join(
        sentence
        for granularity in GRANULARITIES
        if (sentence := _DECISIONS[phase](results, granularity))
    )


def _baseline(results: Results, granularity: Granularity) -> str:
    found = results.experiments.get(experiment_id("int8", granularity))
    if found is None:
        return ""
    small = found.change["abs_rel"].high < 0.01
    verdict = "that is less than 1 %" if small else "that needs a better recipe"
    return (
        f"Weights {TITLES[granularity]}: one INT8 output changes abs_rel by {change(found)} and "
        f"the depth by {found.deviation.median_mm:.0f} mm in the median: {verdict}."
    )


def _against(phase: Phase, name: str, what: str) -> Callable[[Results, Granularity], str]:
    """The decision of a phase that is compared with an earlier experiment by the deviation."""

    def sentence(results: Results, granularity: Granularity) -> str:
        before = results.experiments.get(experiment_id(name, granularity))
        after = nearest(of_phase(results, (phase,), granularity))
        if before is None or after is None:
            return ""
        one, other = before.deviation.median_mm, after.deviation.median_mm
        verdict = "worth it" if 1 - other / one > WORTH else "not worth it"
        return (
            f"Weights {TITLES[granularity]}: the best is {after.experiment.title}. The median "
            f"deviation goes from {one:.1f} to {other:.1f} mm, the change of abs_rel from "
            f"{change(before)} to {change(after)}: {what} is {verdict}."
        )

    return sentence


def _split(results: Results, granularity: Granularity) -> str:
    one = results.experiments.get(experiment_id("int8", granularity))
    split = results.experiments.get(experiment_id("split", granularity))
    if split is None:
        return ""
    after = split.banding
    if one is None:
        return (
            f"Weights {TITLES[granularity]}: {after.levels:,} distinct depths with the split; this "
            f"network cannot give depth as one int8 output; abs_rel {change(split)}."
        )
    return (
        f"Weights {TITLES[granularity]}: {one.banding.levels:,} distinct depths with one output, "
        f"{after.levels:,} with the split. The error on planes is {one.banding.residual_mm:.1f} "
        f"and {after.residual_mm:.1f} mm (FP32 {after.float_residual_mm:.1f}), the change of "
        f"abs_rel {change(one)} and {change(split)}."
    )


def _heads(results: Results, granularity: Granularity) -> str:
    names = ("two-heads-sum", "two-heads-round")
    found = [results.experiments.get(experiment_id(name, granularity)) for name in names]
    parts = [f"{each.experiment.title} {change(each)}" for each in found if each is not None]
    split = results.experiments.get(experiment_id("split", granularity))
    if not parts or split is None:
        return ""
    return (
        f"Weights {TITLES[granularity]}, change of abs_rel from FP32 with equal training: "
        f"{'; '.join(parts)}. The exact split, which needs no training: {change(split)}."
    )


def _precision(results: Results, granularity: Granularity) -> str:
    found = results.experiments
    narrow, mixed, wide = (
        found.get(experiment_id(name, granularity)) for name in ("gptq", "mixed", "wide")
    )
    if narrow is None or mixed is None or wide is None:
        return ""
    medians = [f"{each.deviation.median_mm:.1f}" for each in (narrow, mixed, wide)]
    return (
        f"Weights {TITLES[granularity]}, after GPTQ: the median deviation is {medians[0]} mm with "
        f"all feature maps in int8, {medians[1]} mm with a few in int16, and {medians[2]} mm with "
        "all of them in int16."
    )


_DECISIONS: dict[Phase, Callable[[Results, Granularity], str]] = {
    "baseline": _baseline,
    "calibration": _against("calibration", "int8", "better calibration"),
    "split": _split,
    "weights": _against("weights", "split", "a recipe for the weights"),
    "heads": _heads,
    "training": _against("training", "gptq", "training at int8"),
    "precision": _precision,
}
