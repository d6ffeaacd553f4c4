"""The report, from the result files: the conclusion first, then what it rests on."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from tfl_depth.files import write_whole
from tfl_depth.strategy.conclusions import (
    best,
    change,
    conclusion,
    decision,
    goals,
    usual,
)
from tfl_depth.strategy.experiments import EXPERIMENTS, GRANULARITIES, PHASES, TITLES, Phase
from tfl_depth.strategy.report_sources import sources_part
from tfl_depth.strategy.results import RESULTS, ExperimentResult, StudyResults, read_results
from tfl_depth.tables import markdown

REPORT = "README.md"
# What to go back to where a phase's choice does not hold on a board.
FALLBACKS: dict[Phase, str] = {
    "baseline": "To go back: FP32, where there is a processor for it.",
    "calibration": "To go back: minimum and maximum of 100 random images.",
    "split": "To go back: `--head single`, which any delegate runs.",
    "weights": "To go back: `--recipe minmax`.",
    "heads": "To go back: the network as it came; the split needs no training.",
    "training": "To go back: the best recipe of the weights, which trains nothing.",
    "precision": "To go back: int8 feature maps.",
}
HOW = """
Depth is metric, nothing is aligned. Metrics are those of each image at its full size, in the
dataset's crop and range, then their mean. A change is from the float network that was trained as
long, with the paired bootstrap 95 % interval over images. A deviation is from the same network in
float, over all pixels of the network's grid. A wrap is a deviation of more than half a span. "On
planes" is the root mean square distance from the plane through 7x7 pixels, where the float network
sees one. Time is that of an inference on one core of the processor that measured, as a ratio to
FP32. The time on an NPU is Vela's estimate with its default memories. Where calibrations and
recipes are compared, the best is chosen on the same images that are reported, which flatters it a
little. What is marked as simulated is the float network with its kernels and feature maps on their
integer grids: the writer gives all feature maps of a file the same bits.
"""


def write_report(output: Path) -> Path:
    """Write the report of all results in a folder; returns its path.

    Raises:
        DatasetError: a result file is of another format.
    """
    found = [read_results(path) for path in sorted(output.glob(f"*/{RESULTS}"))]
    parts = ["# What INT8 costs, and what helps", *map(_conclusion, found), _summary(found)]
    parts += [
        "Written by `tools/strategy` from the results beside it; nothing here is typed by hand.",
        "## How it was measured",
        *map(_measured_on, found),
        HOW.strip(),
    ]
    parts += [part for results in found for part in _of(results)]
    path = output / REPORT
    write_whole(path, ("\n\n".join(_filled(part) for part in parts) + "\n").encode())
    return path


def _conclusion(results: StudyResults) -> str:
    return f"**`{results.network}`.** {conclusion(results)}"


def _summary(found: Sequence[StudyResults]) -> str:
    """One table: what to take for each network and kind of weights."""
    head = ["network", "weights", "FP32 abs_rel", "INT8 the usual way", "the best"]
    head += ["its change", "median", "95 %"]
    lines = []
    for results in found:
        for granularity in GRANULARITIES:
            chosen, before = best(results, granularity), usual(results, granularity)
            if chosen is None or before is None:
                continue
            shift = before.change["abs_rel"].relative
            lines.append(
                [
                    f"`{results.network}`",
                    TITLES[granularity],
                    f"{results.experiments['fp32'].metrics['abs_rel']:.4f}",
                    f"{shift:+.1%}, {before.deviation.median_mm:.0f} mm",
                    f"`{chosen.experiment.recipe}`",
                    change(chosen),
                    f"{chosen.deviation.median_mm:.1f} mm",
                    f"{chosen.deviation.p95_mm:.0f} mm",
                ]
            )
    return markdown(head, lines).rstrip()


def _measured_on(results: StudyResults) -> str:
    metrics = results.experiments["fp32"].metrics
    quick = " in a quick run" if results.effort.quick else ""
    return (
        f"- `{results.network}`, {results.source}, on {results.images} images of {results.dataset} "
        f"{results.split}{quick}, range {results.max_depth_m:g} m, by {results.tool}: FP32 abs_rel "
        f"{metrics['abs_rel']:.4f}, rmse {metrics['rmse']:.3f} m, delta1 {metrics['delta1']:.4f}. "
        f"The import changed depth by at most {results.import_difference_mm:.2g} mm."
    )


def _of(results: StudyResults) -> list[str]:
    name = results.network
    parts = [
        f"## {name}",
        f"![abs_rel over the phases]({name}/trajectory.png)",
        _goals(results),
        *sources_part(results),
    ]
    for phase, question in PHASES.items():
        parts += _phase(results, phase, question)
    parts += [
        "### One scene",
        f"![One scene: how far each phase is from FP32]({name}/scene.png)",
        "### Everything",
        _everything(results),
    ]
    return parts


def _goals(results: StudyResults) -> str:
    lines = []
    for granularity in GRANULARITIES:
        chosen = best(results, granularity)
        if chosen is None:
            continue
        lines.append([f"weights {TITLES[granularity]}: {chosen.experiment.title}", "", "", ""])
        for goal in goals(granularity):
            reached = goal.reached(chosen)
            verdict = "reached" if reached <= goal.most else "missed"
            measured = f"{reached:.3g} {goal.unit}"
            lines.append([goal.what, f"{goal.most:g} {goal.unit}", measured, verdict])
    return markdown(["the best with int8 alone", "at most", "measured", ""], lines).rstrip()


def _phase(results: StudyResults, phase: Phase, question: str) -> list[str]:
    ids = [each.id for each in EXPERIMENTS if each.phase == phase]
    found = [results.experiments[name] for name in ids if name in results.experiments]
    left_out = [_left_out(name, results.left_out[name]) for name in ids if name in results.left_out]
    if not found and not left_out:
        return []
    parts = [f"### {question}"]
    if found:
        parts.append(_table(found))
    parts += sorted(set(left_out))
    if found and (decided := decision(results, phase)):
        parts.append(f"**Decision.** {decided} {FALLBACKS[phase]}")
    return parts


def _left_out(name: str, reason: str) -> str:
    title = next(each.title for each in EXPERIMENTS if each.id == name)
    return f"Left out: {title}: {reason.rstrip('.')}."


def _table(found: Sequence[ExperimentResult]) -> str:
    head = ["", "weights", "abs_rel", "change", "median", "95 %", "on planes", "depths"]
    lines = [
        [
            each.experiment.title + (f" ({each.note})" if each.note else ""),
            _weights(each),
            f"{each.metrics['abs_rel']:.4f}",
            change(each) if each.experiment.id not in ("fp32", "longer") else "-",
            f"{each.deviation.median_mm:.1f} mm",
            f"{each.deviation.p95_mm:.0f} mm",
            f"{each.banding.residual_mm:.1f} mm",
            f"{each.banding.levels:,}",
        ]
        for each in found
    ]
    return markdown(head, lines).rstrip()


def _weights(found: ExperimentResult) -> str:
    experiment = found.experiment
    return experiment.precision if experiment.is_float else TITLES[experiment.granularity]


def _everything(results: StudyResults) -> str:
    npus = sorted({name for found in results.experiments.values() for name in found.npu})
    head = ["experiment", "rmse", "rmse change", "delta1", "mean", "largest"]
    head += ["median, 95 % of depth", "wraps", "KiB", "time"]
    head += [f"{name}, ms (CPU operators)" for name in npus]
    lines = [_line(name, found, npus) for name, found in results.experiments.items()]
    return markdown(head, lines).rstrip()


def _line(name: str, found: ExperimentResult, npus: Sequence[str]) -> list[str]:
    far, time = found.deviation, found.time_of_float32
    cells = [
        f"`{name}`",
        f"{found.metrics['rmse']:.3f} m",
        f"{found.change['rmse'].relative:+.1%}",
        f"{found.metrics['delta1']:.4f}",
        f"{far.mean_mm:.1f} mm",
        f"{far.max_mm:.0f} mm",
        f"{far.median_share:.2%}, {far.p95_share:.1%}",
        f"{far.wrap_share:.3%}",
        "-" if found.bytes is None else f"{found.bytes / 1024:,.0f}",
        "-" if time is None else f"{time:.2f}",
    ]
    for npu in npus:
        estimate = found.npu.get(npu)
        if estimate is None:
            cells.append("-")
            continue
        ms = estimate.milliseconds
        cells.append(f"{'-' if ms is None else f'{ms:.2f}'} ({estimate.cpu_operators})")
    return cells


def _filled(text: str) -> str:
    if text.startswith(("#", "!", "|")) or "\n\n" in text:
        return text
    return textwrap.fill(
        text,
        100,
        subsequent_indent="  " if text.startswith("- ") else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
