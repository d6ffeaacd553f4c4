"""A study's report: the conclusion, ten rows and a picture; `study_details` has all rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfl_depth.files import write_whole
from tfl_depth.strategy.conclusions import best, change, conclusion, usual
from tfl_depth.strategy.experiments import GRANULARITIES, TITLES, Granularity
from tfl_depth.strategy.results import RESULTS, ExperimentResult, StudyResults, read_results
from tfl_depth.strategy.study_details import SCENE, details
from tfl_depth.tables import joined_parts, markdown

REPORT = "README.md"
# The file beside the results of each network.
DETAILS = "details.md"
PICTURE = """
FP32 depth of one image, and the difference of INT8 files of `{name}` from it. Each panel names its
file and the median difference.
"""
COLUMNS = """
Depth is metric: nothing is aligned to the truth. abs_rel is the mean over images. Its change from
FP32 has the 95 % bootstrap interval over images. Deviation is the absolute difference from the
depth of the float network, over all pixels. Distinct depths are the values of all images, in whole
millimeters: with few, depth is banded. Per channel: one weight scale for each output channel of a
kernel. Per tensor: one for the whole kernel. The best recipe is chosen on these same images, which
flatters it a little.
"""
COMMAND = """
```sh
tfl-depth strategy NETWORK --dataset NAME --data DIR --output REPORT
tfl-depth convert NETWORK --int8 --recipe RECIPE --representative PHOTOS --output model.tflite
```
"""


def write_study_report(output: Path) -> Path:
    """Write the report of all results in a folder, and the details of each network.

    Returns:
        The report's path.

    Raises:
        DatasetError: a result file is of another format.
    """
    found = [read_results(path) for path in sorted(output.glob(f"*/{RESULTS}"))]
    for results in found:
        folder = output / results.network
        content = joined_parts(details(results, scene=(folder / SCENE).exists()))
        write_whole(folder / DETAILS, content.encode())
    path = output / REPORT
    scenes = [each.network for each in found if (output / each.network / SCENE).exists()]
    write_whole(path, joined_parts(_report(found, scenes)).encode())
    return path


def _report(found: Sequence[StudyResults], scenes: Sequence[str]) -> list[str]:
    """The report's parts. It shows one image of the first network that has a picture of one."""
    parts = ["# What INT8 costs", *map(_conclusion, found), _table(found), COLUMNS.strip()]
    for name in scenes[:1]:
        parts += [
            f"![INT8 - FP32 of one image]({name}/{SCENE})",
            PICTURE.format(name=name).strip(),
        ]
    parts += ["## How it was measured", *map(_measured_on, found)]
    links = [f"[`{each.network}`]({each.network}/{DETAILS})" for each in found]
    parts += [
        f"All rows, the layers that the error comes from, and more pictures: {', '.join(links)}.",
        "The first command measures a network and writes this report; run it again to resume. The "
        "second one converts a network with a recipe of the table.",
        COMMAND.strip(),
    ]
    return parts


def _conclusion(results: StudyResults) -> str:
    return f"**`{results.network}`.** {conclusion(results)}"


def _table(found: Sequence[StudyResults]) -> str:
    """Five rows for each network: FP32, then the usual and the best file for its weights."""
    head = ["network", "file", "weights", "recipe", "abs_rel", "change from FP32"]
    head += ["deviation: median", "95 %", "distinct depths"]
    return markdown(head, [row for results in found for row in _rows(results)]).rstrip()


def _rows(results: StudyResults) -> list[list[str]]:
    float_file = results.experiments["fp32"]
    rows = [[f"**`{results.network}`**", "FP32", "-", "-", *_figures(float_file, "-")]]
    for granularity in GRANULARITIES:
        chosen, before = best(results, granularity), usual(results, granularity)
        if chosen is not None and before is not None:
            head = "exact split" if results.head == "split" else "one output"
            rows.append(_row(before.experiment.title, granularity, before))
            rows.append(_row(f"**INT8, {head}, best recipe**", granularity, chosen))
    return rows


def _row(title: str, granularity: Granularity, found: ExperimentResult) -> list[str]:
    recipe = f"`{found.experiment.recipe}`"
    return ["", title, TITLES[granularity], recipe, *_figures(found, change(found))]


def _figures(found: ExperimentResult, changed: str) -> list[str]:
    return [
        f"{found.metrics['abs_rel']:.4f}",
        changed,
        f"{found.deviation.median_mm:.1f} mm",
        f"{found.deviation.p95_mm:.0f} mm",
        f"{found.banding.levels:,}",
    ]


def _measured_on(results: StudyResults) -> str:
    quick = " in a quick run" if results.effort.quick else ""
    return (
        f"- `{results.network}`, {results.source}: {results.images} images of {results.dataset} "
        f"{results.split}{quick}, range {results.max_depth_m:g} m. "
        f"Measured with {results.tool}."
    )
