"""All rows of a network's study, the decision of each phase, and the sources of the error."""

from __future__ import annotations

from collections.abc import Sequence

from tfl_depth.strategy.conclusions import best, change, decision, goals
from tfl_depth.strategy.experiments import EXPERIMENTS, GRANULARITIES, PHASES, TITLES, Phase
from tfl_depth.strategy.report_sources import sources_part
from tfl_depth.strategy.results import ExperimentResult, StudyResults
from tfl_depth.tables import markdown

# The picture of one image. A report of an older study may lack it.
SCENE = "scene.png"
# What to use if a phase's choice does not work on a board.
FALLBACKS: dict[Phase, str] = {
    "baseline": "Fallback: FP32, on a processor that computes it.",
    "calibration": "Fallback: minimum and maximum of 100 random images.",
    "split": "Fallback: `--head single`, which any delegate runs.",
    "weights": "Fallback: `--recipe minmax`.",
    "heads": "Fallback: the network as it is; the split needs no training.",
    "training": "Fallback: the best recipe of the weights, which trains nothing.",
    "precision": "Fallback: int8 feature maps.",
}
HOW = """
Metrics are computed for each image at its full size, in the dataset's crop and range, and then
averaged. A change is relative to the float network that was trained equally long, with the paired
bootstrap 95 % interval over images. A deviation is relative to the same network in float, over all
pixels of the network's grid. A wrap is a deviation of more than half a span. "On planes" is the
root mean square distance from the plane through 7x7 pixels, where the float network sees a plane.
Flicker is the median temporal deviation of a pixel in a still video with sensor noise (4 of 255);
rows that were measured by an earlier version have none.
Time is one inference on one core, relative to FP32. The time on an NPU is Vela's estimate with its
default memories. Simulated files are the float network with its kernels and feature maps rounded to
their integer grids.
"""


def details(results: StudyResults, *, scene: bool) -> list[str]:
    """The parts of the page, in Markdown.

    Args:
        results: of a study.
        scene: whether the picture of one image is there.
    """
    parts = [
        f"# All rows: {results.network}",
        _measured(results),
        HOW.strip(),
        "![change of abs_rel over the phases](trajectory.png)",
        _goals(results),
        *sources_part(results),
    ]
    for phase, question in PHASES.items():
        parts += _phase(results, phase, question)
    if scene:
        parts += ["## One image", f"![INT8 - FP32 of one image]({SCENE})"]
    return [
        *parts,
        "## Everything",
        _everything(results),
    ]


def _measured(results: StudyResults) -> str:
    metrics = results.experiments["fp32"].metrics
    return (
        f"FP32 has abs_rel {metrics['abs_rel']:.4f}, rmse {metrics['rmse']:.3f} m and delta1 "
        f"{metrics['delta1']:.4f}. The import changed depth by at most "
        f"{results.import_difference_mm:.2g} mm."
    )


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
    return markdown(["the best file in int8", "at most", "measured", ""], lines).rstrip()


def _phase(results: StudyResults, phase: Phase, question: str) -> list[str]:
    ids = [each.id for each in EXPERIMENTS if each.phase == phase]
    found = [results.experiments[name] for name in ids if name in results.experiments]
    left_out = [_left_out(name, results.left_out[name]) for name in ids if name in results.left_out]
    if not found and not left_out:
        return []
    parts = [f"## {question}"]
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
    head = ["", "weights", "abs_rel", "change", "median", "95 %", "on planes", "flicker", "depths"]
    lines = [
        [
            each.experiment.title + (f" ({each.note})" if each.note else ""),
            _weights(each),
            f"{each.metrics['abs_rel']:.4f}",
            change(each) if each.experiment.id not in ("fp32", "longer") else "-",
            f"{each.deviation.median_mm:.1f} mm",
            f"{each.deviation.p95_mm:.0f} mm",
            f"{each.banding.residual_mm:.1f} mm",
            "-" if each.flicker_mm is None else f"{each.flicker_mm:.1f} mm",
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
