"""What the results decide: the best row of a phase, the goals, each phase's decision in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tfl_depth.strategy.rows import GRANULARITIES, PER_CHANNEL

Results = dict[str, Any]
Row = dict[str, Any]


def of_phase(results: Results, phases: Sequence[str], granularity: str) -> list[Row]:
    """The int8 rows of phases with these weights, as measured."""
    return [
        row
        for row in results["rows"].values()
        if row["phase"] in phases
        and row["precision"] == "int8"
        and row["per_channel"] == GRANULARITIES[granularity]
    ]


def nearest(rows: Sequence[Row]) -> Row | None:
    """The row whose depth lies nearest to FP32's, in the median."""
    return min(rows, key=lambda row: row["fidelity"]["median_mm"], default=None)


def best(results: Results, granularity: str) -> Row | None:
    """What to ship: of the rows with the exact split, the nearest to FP32."""
    rows = of_phase(results, ("split", "weights", "distil"), granularity)
    return nearest([row for row in rows if row["network"] == "checkpoint"])


def trajectory(results: Results, granularity: str) -> list[tuple[str, Row]]:
    """The way from FP32 to what is best, a row for each phase that was measured."""

    def of(phase: str, network: str = "checkpoint") -> list[Row]:
        return [
            row for row in of_phase(results, (phase,), granularity) if row["network"] == network
        ]

    rows = results["rows"]
    steps: list[tuple[str, Row | None]] = [
        ("FP32", rows["fp32"]),
        ("one INT8\noutput", rows.get(f"int8, {granularity}")),
        ("ST1\nbest", nearest(of("st1"))),
        ("ST2, seed's\nheads", nearest(of("st2", "seed"))),
        ("Hilbert", nearest(of("st2", "hilbert"))),
        ("exact\nsplit", rows.get(f"split, {granularity}")),
        ("split +\nweights", nearest(of("weights"))),
        ("split +\ntraining", nearest(of("distil"))),
    ]
    return [(label, row) for label, row in steps if row is not None]


@dataclass(frozen=True)
class Goal:
    """A figure to reach.

    Attributes:
        what: in words.
        most: the limit, in the unit of `reached`.
        unit: behind both.
        reached: of a row.
    """

    what: str
    most: float
    unit: str
    reached: Callable[[Row], float]


def goals(granularity: str) -> list[Goal]:
    """What the best row must reach."""

    def percent(metric: str, end: str = "relative") -> Callable[[Row], float]:
        return lambda row: 100 * float(row["change"][metric][end])

    per_channel = granularity == PER_CHANNEL
    return [
        Goal("abs_rel, change", 0.5 if per_channel else 1.0, "%", percent("abs_rel")),
        *([Goal("abs_rel, upper end", 1.0, "%", percent("abs_rel", "high"))] * per_channel),
        *([Goal("rmse, change", 0.5, "%", percent("rmse"))] * per_channel),
        *([Goal("delta1, lost", 0.2, "points", _delta1_lost)] * per_channel),
        Goal("median deviation", 0.5, "% of depth", lambda r: 100 * r["fidelity"]["median_share"]),
        Goal("95 % deviation", 2.0, "% of depth", lambda r: 100 * r["fidelity"]["p95_share"]),
        Goal("wraps", 0.0, "% of pixels", lambda row: 100 * row["fidelity"]["wrap_share"]),
    ]


def _delta1_lost(row: Row) -> float:
    after = row["metrics"]["delta1"]
    return 100 * float(after / (1 + row["change"]["delta1"]["relative"]) - after)


def change(row: Row) -> str:
    """The change of abs_rel with its interval."""
    found = row["change"]["abs_rel"]
    return f"{found['relative']:+.1%} [{found['low']:+.1%}, {found['high']:+.1%}]"


def decision(results: Results, phase: str) -> str:
    """What a phase decides, with the figures that decided it."""
    return " ".join(
        sentence
        for granularity in GRANULARITIES
        if (sentence := _DECISIONS[phase](results, granularity))
    )


def _baseline(results: Results, granularity: str) -> str:
    row = results["rows"].get(f"int8, {granularity}")
    if row is None:
        return ""
    high = row["change"]["abs_rel"]["high"]
    verdict = "that is within the goal of 1 %" if high < 0.01 else "that has to be mended"
    return (
        f"With weights {granularity}, INT8 as everybody does it changes abs_rel by {change(row)} "
        f"and the depth by {row['fidelity']['median_mm']:.0f} mm in the median: {verdict}."
    )


def _against(phase: str, before_name: str, what: str) -> Callable[[Results, str], str]:
    """A phase that is compared with a row before it by the distance from FP32."""

    def sentence(results: Results, granularity: str) -> str:
        before = results["rows"].get(f"{before_name}, {granularity}")
        after = nearest(of_phase(results, (phase,), granularity))
        if before is None or after is None:
            return ""
        one, other = (row["fidelity"]["median_mm"] for row in (before, after))
        gain = 1 - other / one
        verdict = "worth it" if gain > 0.1 else "not worth it"
        return (
            f"Weights {granularity}: the best, {after['title']}, brings the median deviation from "
            f"{one:.1f} to {other:.1f} mm and abs_rel from {change(before)} to {change(after)}: "
            f"{what} is {verdict}."
        )

    return sentence


def _split(results: Results, granularity: str) -> str:
    one = results["rows"].get(f"int8, {granularity}")
    split = results["rows"].get(f"split, {granularity}")
    if one is None or split is None:
        return ""
    return (
        f"Weights {granularity}: depths told apart {one['banding']['levels']:,} before, "
        f"{split['banding']['levels']:,} with the split; on planes the depth lies "
        f"{one['banding']['residual_mm']:.1f} and {split['banding']['residual_mm']:.1f} mm off "
        f"(FP32 {split['banding']['float_residual_mm']:.1f}); abs_rel {change(one)} and "
        f"{change(split)}."
    )


def _st2(results: Results, granularity: str) -> str:
    def of(name: str) -> Row | None:
        row: Row | None = results["rows"].get(f"{name}, {granularity}")
        return row

    parts = [
        f"{row['title']} {change(row)}"
        for name in ("seed-sum", "seed-round", "hilbert")
        if (row := of(name)) is not None
    ]
    split = of("split")
    if not parts or split is None:
        return ""
    return (
        f"Weights {granularity}, abs_rel from FP32 with as much training: {'; '.join(parts)}. The "
        f"exact split, which needs no training: {change(split)}."
    )


def _mixed(results: Results, granularity: str) -> str:
    bound, plain, mixed, narrow = (
        results["rows"].get(f"{name}, {granularity}")
        for name in ("int16x8", "split", "mixed", "learned")
    )
    if bound is None or plain is None or mixed is None or narrow is None:
        return ""
    medians = [f"{row['fidelity']['median_mm']:.1f}" for row in (plain, bound, narrow, mixed)]
    return (
        f"Weights {granularity}: int16 feature maps everywhere bring the median deviation from "
        f"{medians[0]} to {medians[1]} mm, in {bound['time_of_float32']:.0f} times FP32's time on "
        f"this processor; after rounding by the feature maps, a few of them bring it from "
        f"{medians[2]} to {medians[3]} mm, abs_rel from {change(narrow)} to {change(mixed)}, in "
        f"{mixed['time_of_float32']:.0f} times FP32's time."
    )


_DECISIONS: dict[str, Callable[[Results, str], str]] = {
    "baseline": _baseline,
    "st1": _against("st1", "int8", "better calibration"),
    "split": _split,
    "weights": _against("weights", "split", "work on the weights"),
    "st2": _st2,
    "distil": _against("distil", "learned", "training at int8"),
    "mixed": _mixed,
}
