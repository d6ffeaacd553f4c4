"""What the laboratory measures: a row for each thing that is tried, in phases.

Nothing here is code: `candidates` makes what a row asks for, `trial` measures it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# The phases, and what each asks.
PHASES = {
    "baseline": "What does INT8 cost, done as everybody does it?",
    "st1": "ST1: does better calibration help?",
    "st2": "ST2: do trained heads help, as the seed project wrote them, or another code?",
    "split": "The exact split: what does the output step cost?",
    "weights": "The weights: what takes their error away?",
    "distil": "Does training at int8 help?",
    "mixed": "Do wider feature maps help?",
}
# Which network a row converts: the checkpoint, or one that was trained further (`heads`).
CHECKPOINT = "checkpoint"
# Whether each output channel of a kernel has a scale of its own.
GRANULARITIES = {"per channel": True, "per tensor": False}
PER_CHANNEL, PER_TENSOR = GRANULARITIES
# Settings that only results know: ST1's best recipe, the layers that attribution names.
BEST_OF_ST1 = "best of st1"
ALL_LAYERS, NAMED_LAYERS = "all", "named"
RANDOM, STRATIFIED = "random", "stratified by depth"


@dataclass(frozen=True)
class Row:
    """One thing to try.

    Attributes:
        name: unique.
        phase: a key of `PHASES`.
        title: for tables.
        network: `CHECKPOINT`, or the head of a network that was trained further.
        precision: "float32", "float16", "int8", "int16x8" or "mixed".
        head: "single" or "split"; of a network with another head, how it is decoded.
        recipe: a name in `tfl_depth.recipes.RECIPES`, or ST1's best.
        per_channel: a scale for each output channel of a kernel; otherwise one for the kernel.
        images: how many calibrate.
        selection: how they are chosen.
        layers: those that the recipe works on.
        quick: whether it is part of a quick run.
    """

    name: str
    phase: str
    title: str
    network: str = CHECKPOINT
    precision: str = "int8"
    head: str = "split"
    recipe: str = "plain"
    per_channel: bool = True
    images: int = 100
    selection: str = RANDOM
    layers: str = ALL_LAYERS
    quick: bool = False

    @property
    def granularity(self) -> str:
        """Of its weights' scales: a key of `GRANULARITIES`."""
        return next(name for name, each in GRANULARITIES.items() if each == self.per_channel)

    @property
    def quantised(self) -> bool:
        """Whether its weights are int8."""
        return not self.precision.startswith("float")


def _both(row: Row) -> list[Row]:
    """A row with a scale for each channel, and one with a scale for each kernel."""
    return [
        replace(row, name=f"{row.name}, {granularity}", per_channel=per_channel)
        for granularity, per_channel in GRANULARITIES.items()
    ]


def _one_quick(row: Row) -> list[Row]:
    """As `_both`; what is trained is trained once in a quick run."""
    per_channel, per_tensor = _both(row)
    return [per_channel, replace(per_tensor, quick=False)]


def _baseline() -> list[Row]:
    linear = Row("int8", "baseline", "INT8, one output", head="single", quick=True)
    log = Row("int8-log", "baseline", "INT8, one output, log depth", "log", head="log")
    return [
        Row("fp32", "baseline", "FP32", precision="float32", head="single", quick=True),
        Row("float16", "baseline", "float16", precision="float16", head="single"),
        *_both(linear),
        Row(
            "longer",
            "baseline",
            "FP32, trained further",
            "longer",
            "float32",
            "single",
            quick=True,
        ),
        *_both(log),
    ]


def _st1() -> list[Row]:
    single = Row("", "st1", "", head="single")
    rows = [
        replace(single, name=f"{count} images", title=f"{count} images, min and max", images=count)
        for count in (10, 30, 300)
    ]
    rows.append(
        replace(
            single,
            name="stratified",
            title="100 images, stratified by depth",
            selection=STRATIFIED,
        )
    )
    rows += [
        replace(single, name=recipe, title=f"ranges: {title}", recipe=recipe)
        for recipe, title in (
            ("percentile-99.9", "percentile 99.9"),
            ("percentile-99.99", "percentile 99.99"),
            ("mse", "least squared error"),
            ("kl", "KL divergence"),
        )
    ]
    return [each for row in rows for each in _both(row)]


WEIGHT_RECIPES = {
    "dead-channels": "dead channels",
    "equalised": "equalised",
    "bias-corrected": "biases corrected",
    "clipped": "clipped",
    "classic": "all four of these",
    "learned": "rounded by the feature maps",
}


def _weights() -> list[Row]:
    rows = [
        Row(recipe, "weights", title, recipe=recipe, quick=recipe == "learned")
        for recipe, title in WEIGHT_RECIPES.items()
    ]
    in_named = [
        replace(
            row,
            name=f"{row.name}, named layers",
            title=f"{row.title}, in the layers named",
            layers=NAMED_LAYERS,
            quick=False,
        )
        for row in rows
    ]
    # Nothing is parted where every channel has a scale of its own.
    parted = Row(
        "parted-learned, per tensor",
        "weights",
        "parted, then rounded by the feature maps",
        recipe="parted-learned",
        per_channel=False,
    )
    equalised = Row(
        "equalised-learned",
        "weights",
        "equalised, then rounded by the feature maps",
        recipe="equalised-learned",
    )
    pairs = [each for row in [*rows, *in_named] for each in _both(row)]
    return [*pairs, *_both(equalised), parted]


def _st2() -> list[Row]:
    rows = [
        Row("seed-sum", "st2", "trained heads, decoded by sum", "seed", head="sum"),
        Row(
            "seed-round",
            "st2",
            "trained heads, decoded by rounding",
            "seed",
            head="round",
            quick=True,
        ),
        Row("hilbert", "st2", "trained Hilbert curve", "hilbert", head="hilbert"),
    ]
    floats = [
        replace(row, name=f"{row.name}, FP32", title=f"{row.title}, FP32", precision="float32")
        for row in rows
    ]
    return [*floats, *(each for row in rows for each in _one_quick(row))]


def _split() -> list[Row]:
    plain = Row("split", "split", "exact split", quick=True)
    st1 = Row("split-st1", "split", "exact split, best of ST1", recipe=BEST_OF_ST1)
    return [each for row in (plain, st1) for each in _both(row)]


def _distil() -> list[Row]:
    return _one_quick(
        Row(
            "distilled",
            "distil",
            "rounded, then trained at int8 by the FP32 network",
            recipe="distilled",
            quick=True,
        )
    )


def _mixed() -> list[Row]:
    bound = Row("int16x8", "mixed", "int16 feature maps, everywhere", precision="int16x8")
    mixed = Row(
        "mixed", "mixed", "int16 feature maps where they pay", precision="mixed", recipe="learned"
    )
    return [each for row in (bound, mixed) for each in _both(row)]


ROWS = (
    *_baseline(),
    *_st1(),
    *_split(),
    *_weights(),
    *_st2(),
    *_distil(),
    *_mixed(),
)
