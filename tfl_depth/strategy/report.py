"""The report, from the result files: text with every figure in it, and pictures beside it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.files import write_whole
from tfl_depth.strategy import charts
from tfl_depth.strategy.rows import GRANULARITIES, PER_CHANNEL, PER_TENSOR, PHASES
from tfl_depth.strategy.trial import NPUS
from tfl_depth.strategy.verdicts import (
    best,
    change,
    decision,
    goals,
    trajectory,
)
from tfl_depth.tables import markdown

if TYPE_CHECKING:
    from tfl_depth.strategy.lab import Lab

Results = dict[str, Any]
Row = dict[str, Any]

RESULTS, REPORT = "results.json", "README.md"
SHOWN_LAYERS = 12
# What to go back to where a phase's choice does not hold on a board.
FALLBACKS = {
    "baseline": "Go back to FP32, where there is a processor for it.",
    "st1": "Go back to the least and the greatest value of 100 random images, the default.",
    "split": "Go back to one output, `--head single`: any delegate that refuses the head runs it.",
    "weights": "Go back to `--recipe plain`.",
    "st2": "Go back to the checkpoint: the split needs none of these trainings.",
    "distil": "Go back to the best recipe of the weights, which trains nothing.",
    "mixed": "Go back to int8 feature maps.",
}
HOW = """\
Metric depth, nothing aligned: metrics of each image at its full size, in the dataset's crop and
range, then their mean. Changes are from the float network that had as much training, with the
paired bootstrap 95 % interval over images. Deviations are from the same network in float, over all
pixels of the network's grid. A wrap is a deviation of more than half a metre. On planes: root mean
square distance from the plane through 7x7 pixels, where the float network sees one. Time is that of
an inference on one core of the processor that measured, as a ratio to FP32 in turns; that on NPUs
is Vela's estimate with its default memories. Where calibrations and recipes are compared, the best
is chosen on the same images that are reported, which flatters it a little."""


def write_report(output: Path) -> Path:
    """Write the report of all results in a folder; returns its path."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(output.glob(f"*/{RESULTS}"))]
    parts = ["# Strategy: what INT8 costs, and what helps", _intro(found), HOW]
    parts += [part for results in found for part in _of(results)]
    path = output / REPORT
    write_whole(path, ("\n\n".join(parts) + "\n").encode())
    return path


def write_pictures(folder: Path, results: Results, lab: Lab) -> None:
    """Write a network's pictures into its folder."""
    pictures = {
        "trajectory.png": charts.trajectory_chart(results),
        "budget.png": charts.budget_chart(results),
        "ranges.png": charts.ranges_chart(results),
        "layers.png": charts.layers_chart(results),
        "scene.png": charts.scene_chart(*_scene(results, lab)),
    }
    for name, content in pictures.items():
        write_whole(folder / name, content)


def _scene(results: Results, lab: Lab) -> tuple[Any, dict[str, list[tuple[str, Any]]]]:
    """FP32 depth of one scene, and what each phase says of it."""
    phases = {
        granularity: [
            (label, lab.grid(row["name"])) for label, row in trajectory(results, granularity)[1:]
        ]
        for granularity in GRANULARITIES
    }
    return lab.grid("fp32"), phases


def _intro(found: list[Results]) -> str:
    lines = [
        "Written by `tools/strategy` from the results beside it; nothing here is typed by hand. "
        "What was measured:",
        "",
    ]
    for results in found:
        rows = results["rows"]["fp32"]["metrics"]
        lines.append(
            f"- `{results['checkpoint']}` on {results['images']} images of {results['dataset']} "
            f"{results['split']}, range {results['max_depth_m']:g} m: FP32 abs_rel "
            f"{rows['abs_rel']:.4f}, rmse {rows['rmse']:.3f} m, delta1 {rows['delta1']:.4f}."
        )
    return "\n".join(_filled(line) for line in lines)


def _of(results: Results) -> list[str]:
    name = results["checkpoint"]
    parts = [
        f"## {name}",
        f"![abs_rel over the phases]({name}/trajectory.png)",
        _goals(results),
        "### Where the error comes from",
        _sources(results),
        f"![Budget]({name}/budget.png)",
        _named(results),
        f"![Layers]({name}/layers.png)",
        _layers(results),
        _ranges(results),
        f"![Ranges]({name}/ranges.png)",
    ]
    for phase, question in PHASES.items():
        rows = [row for row in results["rows"].values() if row["phase"] == phase]
        if rows:
            parts += [f"### {question}", _table(rows)]
            parts += [f"**Decision.** {decision(results, phase)} {FALLBACKS[phase]}"]
    parts += [
        "### One scene",
        f"![One scene: how far each phase is from FP32]({name}/scene.png)",
        "### Everything",
        _everything(results),
    ]
    return [_filled(part) for part in parts]


def _goals(results: Results) -> str:
    lines, missed = [], False
    for granularity in GRANULARITIES:
        row = best(results, granularity)
        if row is None:
            continue
        lines.append([f"weights {granularity}: {row['title']}", "", "", ""])
        for goal in goals(granularity):
            reached = goal.reached(row)
            verdict = "reached" if reached <= goal.most else "missed"
            missed = missed or reached > goal.most
            lines.append(
                [goal.what, f"{goal.most:g} {goal.unit}", f"{reached:.3g} {goal.unit}", verdict]
            )
    table = markdown(["the best with int8 alone", "at most", "measured", ""], lines).rstrip()
    return f"{table}\n\n{_to_blame(results)}" if missed else table


def _to_blame(results: Results) -> str:
    """The layers that the missed goals are to be looked for in."""

    def worst(kind: str) -> str:
        alone = results["attribution"][kind]["alone"]
        order = sorted(alone, key=lambda name: -alone[name])[:3]
        return ", ".join(f"`{name}` ({alone[name]:.1f} mm)" for name in order)

    return (
        "Where a goal is missed: the kernels that alone bring most, plainly rounded, are "
        f"{worst(PER_CHANNEL)} per channel and {worst(PER_TENSOR)} per tensor; the "
        f"feature maps {worst('maps')}."
    )


def _sources(results: Results) -> str:
    own = results["budget"]["ranges"][f"{results['max_depth_m']:g}"]
    sources = results["budget"]["sources"]
    maps = sources[PER_CHANNEL]["feature maps"]["fidelity"]["median_mm"]
    weights = [sources[each]["weights"]["fidelity"]["median_mm"] for each in GRANULARITIES]
    one, split = (figures["output step"]["fidelity"]["median_mm"] for figures in own.values())
    return (
        "In simulation, each source by itself, plainly quantised: weights "
        f"{weights[0]:.1f} mm in the median with a scale for each channel and {weights[1]:.1f} mm "
        f"with one for each kernel; feature maps {maps:.1f} mm; the output step {one:.1f} mm with "
        f"one output and {split:.1f} mm with the split."
    )


def _named(results: Results) -> str:
    sentences = []
    for granularity in GRANULARITIES:
        found = results["attribution"][granularity]
        names = ", ".join(f"`{name}`" for name in found["named"][:12])
        more = len(found["named"]) - 12
        sentences.append(
            f"Weights {granularity}: without {len(found['named'])} of {len(found['alone'])} layers "
            f"a quarter of the {found['all']:.0f} mm is left: {names}"
            + (f" and {more} more." if more > 0 else ".")
        )
    return "The layers to mend. " + " ".join(sentences)


def _layers(results: Results) -> str:
    """The worst kernels: alone in int8, all but it in int8, and the noise behind it."""
    attribution = results["attribution"]
    alone = attribution["per tensor"]["alone"]
    lines = []
    for name in sorted(alone, key=lambda layer: -alone[layer])[:SHOWN_LAYERS]:
        cells = [f"`{name}`"]
        for granularity in GRANULARITIES:
            found, noise = attribution[granularity], attribution["noise"][granularity]
            cells += [f"{found['alone'][name]:.1f} mm", f"{found['all_but'][name]:.1f} mm"]
            cells.append(f"{noise[name]:.0f} dB" if name in noise else "-")
        lines.append(cells)
    head = ["kernel"] + [
        f"{granularity}: {what}"
        for granularity in GRANULARITIES
        for what in ("alone", "all but it", "signal to noise behind it")
    ]
    return markdown(head, lines).rstrip()


def _ranges(results: Results) -> str:
    lines = []
    for max_depth_m, heads in results["budget"]["ranges"].items():
        cells = [f"{max_depth_m} m"]
        for figures in heads.values():
            cells.append(f"{figures['output step']['fidelity']['median_mm']:.1f} mm")
            cells += [
                f"{figures[f'together, {each}']['fidelity']['median_mm']:.1f} mm, "
                f"{figures[f'together, {each}']['change']['abs_rel']['relative']:+.1%}"
                for each in GRANULARITIES
            ]
        lines.append(cells)
    head = ["range"] + [
        f"{name}: {what}"
        for name in ("one output", "split")
        for what in ("step alone", *(f"all, {each}" for each in GRANULARITIES))
    ]
    table = markdown(head, lines).rstrip()
    return (
        "The same network with outputs for longer ranges, its depth as it is: the output step "
        "grows with the range, what the split leaves of it hardly does. Were its depth scaled "
        "along with the range, every deviation would grow alike, and their shares of the depth "
        f"stay those of the first line.\n\n{table}"
    )


def _table(rows: list[Row]) -> str:
    head = ["", "weights", "abs_rel", "change", "median", "95 %", "on planes", "depths"]
    lines = [
        [
            row["title"],
            _weights(row),
            f"{row['metrics']['abs_rel']:.4f}",
            change(row) if row["name"] not in ("fp32", "longer") else "-",
            f"{row['fidelity']['median_mm']:.1f} mm",
            f"{row['fidelity']['p95_mm']:.0f} mm",
            f"{row['banding']['residual_mm']:.1f} mm",
            f"{row['banding']['levels']:,}",
        ]
        for row in rows
    ]
    return markdown(head, lines).rstrip()


def _weights(row: Row) -> str:
    if row["precision"].startswith("float"):
        return str(row["precision"])
    return PER_CHANNEL if row["per_channel"] else PER_TENSOR


def _everything(results: Results) -> str:
    head = ["row", "rmse", "rmse change", "delta1", "mean", "largest", "median, 95 % of depth"]
    head += ["wraps", "KiB", "time", *(f"{name}, ms (CPU operators)" for name in NPUS)]
    lines = []
    for name, row in results["rows"].items():
        metrics, far = row["metrics"], row["fidelity"]
        cells = [
            name,
            f"{metrics['rmse']:.3f} m",
            f"{row['change']['rmse']['relative']:+.1%}",
            f"{metrics['delta1']:.4f}",
            f"{far['mean_mm']:.1f} mm",
            f"{far['max_mm']:.0f} mm",
            f"{far['median_share']:.2%}, {far['p95_share']:.1%}",
            f"{far['wrap_share']:.3%}",
            f"{row['bytes'] / 1024:,.0f}",
            f"{row['time_of_float32']:.2f}",
        ]
        for npu in NPUS:
            found = row["npu"][npu]
            time_ms = "-" if found["milliseconds"] is None else f"{found['milliseconds']:.2f}"
            cells.append(f"{time_ms} ({found['cpu_operators']})")
        lines.append(cells)
    return markdown(head, lines).rstrip()


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
