"""Write a network's pictures, including one scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tfl_depth.files import write_whole
from tfl_depth.strategy import study_charts
from tfl_depth.strategy.conclusions import trajectory
from tfl_depth.strategy.experiments import GRANULARITIES
from tfl_depth.strategy.results import StudyResults
from tfl_depth.strategy.study_input import Grid


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
    pictures = {
        "trajectory.png": study_charts.trajectory_chart(results),
        "budget.png": study_charts.budget_chart(results),
        "ranges.png": study_charts.ranges_chart(results),
        "layers.png": study_charts.layers_chart(results),
        "scene.png": study_charts.scene_chart(grid("fp32"), phases),
    }
    for name, content in pictures.items():
        write_whole(folder / name, content)
