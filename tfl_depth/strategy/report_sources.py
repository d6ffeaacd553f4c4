"""The part of the details about the sources of the error."""

from __future__ import annotations

from tfl_depth.strategy.experiments import GRANULARITIES, TITLES
from tfl_depth.strategy.operator_names import short_names
from tfl_depth.strategy.results import StudyResults
from tfl_depth.tables import markdown

SHOWN_OPERATORS = 12
SHOWN_MAPS = 3


def sources_part(results: StudyResults) -> list[str]:
    """The paragraphs, tables and pictures of a network's sources of error."""
    return [
        "## Where the error comes from",
        _sources(results),
        "![Budget](budget.png)",
        _to_mend(results),
        "![Layers](layers.png)",
        _layers(results),
        _worst_maps(results),
        _ranges(results),
        "![Ranges](ranges.png)",
    ]


def _sources(results: StudyResults) -> str:
    budget = results.budget
    weights = [budget.weights[each].deviation.median_mm for each in GRANULARITIES]
    one, split = (budget.output_step[head].deviation.median_mm for head in ("single", "split"))
    return (
        "Median deviation of each source alone, simulated, with weights rounded to the nearest "
        "code and ranges of minimum and maximum: weights per channel "
        f"{weights[0]:.1f} mm, weights per tensor {weights[1]:.1f} mm, feature maps "
        f"{budget.feature_maps.deviation.median_mm:.1f} mm, the output step {one:.1f} mm with one "
        f"output and {split:.1f} mm with the split."
    )


def _to_mend(results: StudyResults) -> str:
    shown = short_names([*results.sensitivity.kinds])
    sentences = []
    for granularity, title in TITLES.items():
        found = results.sensitivity.kernels[granularity]
        names = ", ".join(f"`{shown[name]}`" for name in found.to_mend[:SHOWN_OPERATORS])
        more = len(found.to_mend) - SHOWN_OPERATORS
        sentences.append(
            f"Weights {title}: with {len(found.to_mend)} of {len(found.alone_mm)} kernels in float "
            f"at most a quarter of the {found.all_mm:.0f} mm remains: {names}"
            + (f" and {more} more." if more > 0 else ".")
        )
    return "The kernels that matter most. " + " ".join(sentences)


def _layers(results: StudyResults) -> str:
    """The worst kernels: alone in int8, all but it in int8, and the noise behind it."""
    sensitivity = results.sensitivity
    shown = short_names([*sensitivity.kinds])
    alone_mm = sensitivity.kernels["per_tensor"].alone_mm
    lines = []
    for name in sorted(alone_mm, key=lambda each: -alone_mm[each])[:SHOWN_OPERATORS]:
        cells = [f"`{shown[name]}`", sensitivity.kinds.get(name, "-")]
        for granularity in GRANULARITIES:
            found = sensitivity.kernels[granularity]
            cells.append(f"{found.alone_mm[name]:.1f} mm")
            left = found.all_but_mm.get(name)
            cells.append("-" if left is None else f"{left:.1f} mm")
            noise = found.noise_db.get(name)
            cells.append("-" if noise is None else f"{noise:.0f} dB")
        lines.append(cells)
    head = ["kernel", "operator"] + [
        f"{title}: {what}"
        for title in TITLES.values()
        for what in ("alone", "all but it", "signal to noise in int8")
    ]
    return markdown(head, lines).rstrip()


def _worst_maps(results: StudyResults) -> str:
    maps = results.sensitivity.maps
    shown = short_names([*results.sensitivity.kinds])
    order = sorted(maps.alone_mm, key=lambda name: -maps.alone_mm[name])[:SHOWN_MAPS]
    worst = ", ".join(f"`{shown[name]}` ({maps.alone_mm[name]:.1f} mm)" for name in order)
    return (
        f"All {len(maps.alone_mm)} feature maps in int8 cost {maps.all_mm:.1f} mm. The most "
        f"expensive ones alone: {worst}."
    )


def _ranges(results: StudyResults) -> str:
    lines = []
    for max_depth_m, heads in results.budget.ranges_mm.items():
        cells = [f"{max_depth_m} m"]
        for head in ("single", "split"):
            cells.append(f"{heads[head].output_step:.1f} mm")
            cells += [f"{heads[head].together[each]:.1f} mm" for each in GRANULARITIES]
        lines.append(cells)
    titles = ["range"] + [
        f"{name}: {what}"
        for name in ("one output", "split")
        for what in ("step alone", *(f"all, {title}" for title in TITLES.values()))
    ]
    table = markdown(titles, lines).rstrip()
    return (
        "Median deviations of the same network with outputs for longer ranges. The step of one "
        "output grows with the range; the step of the split hardly does."
        f"\n\n{table}"
    )
