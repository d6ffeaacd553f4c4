"""The table of experiments of a study, in phases.

`candidates` makes the candidate of an experiment, `measure` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tfl_depth.recipes import RecipeName, TrainedRecipe

Granularity = Literal["per_channel", "per_tensor"]
Phase = Literal["baseline", "calibration", "split", "weights", "heads", "training", "precision"]
# The network to convert: trained further, with its own head or with two trained heads.
TrainedNetwork = Literal["longer", "two_heads"]
# "mixed" and "wide" are simulated: some or all feature maps in int16.
ExperimentPrecision = Literal["float32", "float16", "int8", "mixed", "wide"]
# "split" becomes "single" for a network that cannot be split. "sum" and "round" decode two trained
# heads.
ExperimentHead = Literal["split", "single", "sum", "round"]

# Whether each output channel of a kernel has its own scale, and the name in reports.
GRANULARITIES: dict[Granularity, bool] = {"per_channel": True, "per_tensor": False}
TITLES: dict[Granularity, str] = {"per_channel": "per channel", "per_tensor": "per tensor"}

# The phases and their questions.
PHASES: dict[Phase, str] = {
    "baseline": "What does INT8 cost with one output?",
    "calibration": "Does better calibration help?",
    "split": "What does the output step cost, and what does the exact split gain?",
    "weights": "Which recipe removes the error of the weights?",
    "heads": "Do two trained heads help?",
    "training": "Does training at int8 help?",
    "precision": "Do 16-bit feature maps help?",
}


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        id: unique.
        phase: the phase that it belongs to.
        title: for tables.
        network: None for the network without training.
        precision: of the file.
        head: of the file.
        recipe: a name in `tfl_depth.recipes`; None for a file in float.
        per_channel: one scale for each output channel of a kernel; otherwise one for the kernel.
        images: number of calibration images.
        quick: whether it is part of a quick run.
    """

    id: str
    phase: Phase
    title: str
    network: TrainedNetwork | None = None
    precision: ExperimentPrecision = "int8"
    head: ExperimentHead = "split"
    recipe: RecipeName | TrainedRecipe | None = "minmax"
    per_channel: bool = True
    images: int = 100
    quick: bool = False

    @property
    def granularity(self) -> Granularity:
        """The granularity of its weight scales."""
        return "per_channel" if self.per_channel else "per_tensor"

    @property
    def is_float(self) -> bool:
        """Whether it is a float file."""
        return self.recipe is None

    @property
    def is_trained(self) -> bool:
        """Whether it needs a trained network."""
        return self.network is not None or self.recipe == "gptq-qat"


def experiment_id(name: str, granularity: Granularity) -> str:
    """The id of an experiment that is made for both granularities."""
    return f"{name}/{granularity}"


def _for(experiment: Experiment, *granularities: Granularity) -> list[Experiment]:
    """An experiment for each granularity. A quick run trains only for the first."""
    made = [
        replace(
            experiment,
            id=experiment_id(experiment.id, each),
            per_channel=GRANULARITIES[each],
            quick=experiment.quick and not (experiment.is_trained and each != granularities[0]),
        )
        for each in granularities
    ]
    return made


def _both(experiment: Experiment) -> list[Experiment]:
    return _for(experiment, *GRANULARITIES)


def _float(id_: str, phase: Phase, title: str, **changes: object) -> Experiment:
    plain = Experiment(id_, phase, title, precision="float32", head="single", recipe=None)
    return replace(plain, **changes)  # type: ignore[arg-type]


def _baseline() -> list[Experiment]:
    return [
        _float("fp32", "baseline", "FP32", quick=True),
        _float("float16", "baseline", "weights in float16", precision="float16"),
        *_both(Experiment("int8", "baseline", "INT8, one output", head="single", quick=True)),
    ]


def _calibration() -> list[Experiment]:
    single = Experiment("", "calibration", "", head="single")
    more = replace(single, id="300-images", title="300 images, minimum and maximum", images=300)
    cut = replace(single, id="percentile", title="percentile 99.99", recipe="percentile-99.99")
    squares = replace(single, id="mse", title="least squared error", recipe="mse")
    divergence = replace(single, id="kl", title="KL divergence", recipe="kl")
    return [
        *_both(more),
        *_for(cut, "per_channel"),
        *_both(squares),
        *_for(divergence, "per_channel"),
    ]


def _split() -> list[Experiment]:
    return _both(Experiment("split", "split", "exact split", quick=True))


def _weights() -> list[Experiment]:
    def with_recipe(recipe: RecipeName, title: str, *, quick: bool = False) -> Experiment:
        return Experiment(recipe, "weights", title, recipe=recipe, quick=quick)

    return [
        *_both(with_recipe("bias-correction", "bias correction")),
        *_both(with_recipe("cle-bias", "equalization, clipping, bias correction")),
        *_both(with_recipe("gptq", "GPTQ, layer by layer", quick=True)),
        *_both(with_recipe("cle-gptq", "equalization, then GPTQ")),
        # With one scale for each channel nothing is split.
        *_for(with_recipe("split-gptq", "depthwise kernels split, then GPTQ"), "per_tensor"),
        *_both(with_recipe("double-gptq", "first block doubled, then GPTQ")),
    ]


def _heads() -> list[Experiment]:
    by_sum = Experiment(
        "two-heads-sum", "heads", "two trained heads, decoded by sum", "two_heads", head="sum"
    )
    rounded = replace(
        by_sum,
        id="two-heads-round",
        title="two trained heads, decoded by rounding",
        head="round",
        quick=True,
    )
    floats = [
        replace(
            each,
            id=f"{each.id}/fp32",
            title=f"{each.title}, FP32",
            precision="float32",
            recipe=None,
            quick=False,
        )
        for each in (by_sum, rounded)
    ]
    longer = _float("longer", "heads", "FP32, trained further", network="longer", quick=True)
    return [longer, *floats, *_both(by_sum), *_both(rounded)]


def _training() -> list[Experiment]:
    return _both(
        Experiment(
            "gptq-qat",
            "training",
            "GPTQ, then trained at int8 by the FP32 network",
            recipe="gptq-qat",
            quick=True,
        )
    )


def _precision() -> list[Experiment]:
    wide = Experiment(
        "wide", "precision", "int16 feature maps everywhere", precision="wide", recipe="gptq"
    )
    mixed = replace(wide, id="mixed", title="int16 feature maps where they pay", precision="mixed")
    return [*_both(wide), *_both(mixed)]


EXPERIMENTS: tuple[Experiment, ...] = (
    *_baseline(),
    *_calibration(),
    *_split(),
    *_weights(),
    *_precision(),
    *_heads(),
    *_training(),
)
