"""Write a network's pictures, including one scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tfl_depth.files import write_whole
from tfl_depth.strategy import study_charts
from tfl_depth.strategy.conclusions import trajectory
from tfl_depth.strategy.experiments import GRANULARITIES
from tfl_depth.strategy.results import StudyResults
from tfl_depth.strategy.scene_chart import scene_chart
from tfl_depth.strategy.study_details import SCENE
from tfl_depth.strategy.study_input import Grid

CHARTS = {
    "trajectory.png": study_charts.trajectory_chart,
    "budget.png": study_charts.budget_chart,
    "ranges.png": study_charts.ranges_chart,
    "layers.png": study_charts.layers_chart,
}


def write_pictures(folder: Path, results: StudyResults, grid: Callable[[str], Grid]) -> None:
    """Write a network's pictures.

    Args:
        folder: for the pictures.
        results: of its study.
        grid: the depth of one scene by an experiment, (h, w) in meters, by the experiment's id.
    """
    phases = {
        granularity: [
            (label, grid(found.experiment.id))
            for label, found in trajectory(results, granularity)[1:]
        ]
        for granularity in GRANULARITIES
    }
    write_charts(folder, results)
    write_whole(folder / SCENE, scene_chart(grid("fp32"), phases))


def write_charts(folder: Path, results: StudyResults) -> None:
    """Write the pictures that need no more than the results."""
    for name, draw in CHARTS.items():
        write_whole(folder / name, draw(results))
