"""Workers that are killed, of this machine and of Ray and Dask clusters (make cluster-test)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.strategy.small_study import MAX_DEPTH_M, write_study
from tests.support.clusters import (
    Cluster,
    begun,
    below,
    dask_cluster,
    finished,
    kill_all,
    ray_cluster,
    started,
)
from tests.support.many_photos import (
    depth_files,
    evaluate_words,
    report_files,
    study_results,
    write_pairs,
    write_photos,
)
from tfl_depth.tools.lib.evaluate_blocks import NOTES

for _name in ("joblib", "ray", "distributed"):
    pytest.importorskip(_name, reason="make cluster-test installs it")

# Enough for a run to be there still when a worker is killed: with Ray after a round of 8 units.
PHOTOS, PAIRS = 600, 600
LOST = "warning: A worker was lost"

# A command's words for an output folder, whether it has begun there, and what it has written.
Case = tuple[Callable[[Path], list[object]], Callable[[Path], bool], Callable[[Path], Any]]


def infer_case(net: Path, folder: Path, photo: npt.NDArray[np.uint8]) -> Case:
    write_photos(folder / "photos", photo, PHOTOS)
    return (
        lambda output: ["infer", net, "photos", "--output", output],
        lambda output: any(output.glob("*_color.png")),
        depth_files,
    )


def evaluate_case(net: Path, folder: Path) -> Case:
    write_pairs(folder / "pairs", PAIRS)
    return (
        lambda output: ["evaluate", *evaluate_words(net, Path("pairs"), output)],
        lambda output: any((output / NOTES).glob("*.json")),
        report_files,
    )


def strategy_case(folder: Path) -> Case:
    study = write_study(folder)

    def words(output: Path) -> list[object]:
        more = ["--max-depth", MAX_DEPTH_M, "--quick", "--no-training", "--work", output / "work"]
        data = ["--dataset", "pairs", "--data", study.data]
        return ["strategy", study.source, *data, "--output", output / "report", *more]

    return (
        words,
        lambda output: any(output.glob("work/*/*/experiment int8*.json")),
        lambda output: study_results(output / "report"),
    )


@pytest.fixture(scope="module", params=["infer", "evaluate", "strategy"])
def case(
    request: pytest.FixtureRequest,
    net: Path,
    photo: npt.NDArray[np.uint8],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Case, Any]:
    """A folder to run in, a command, and what it writes with one process."""
    folder = tmp_path_factory.mktemp("case")
    made = {
        "infer": lambda: infer_case(net, folder, photo),
        "evaluate": lambda: evaluate_case(net, folder),
        "strategy": lambda: strategy_case(folder),
    }[request.param]()
    words, _begun, written = made
    finished(started(folder, *words(Path("alone"))))
    return folder, made, written(folder / "alone")


@pytest.fixture(scope="module")
def ray_address() -> Iterator[Cluster]:
    with ray_cluster() as cluster:
        yield cluster


def test_lost_process_is_done_again(case: tuple[Path, Case, Any]) -> None:
    folder, (words, has_begun, written), expected = case
    output = Path("lost")
    process = started(folder, *words(output), "--jobs", 2)
    begun(process, lambda: has_begun(folder / output))
    workers = [each for each in below(process.pid) if "LokyProcess" in " ".join(each.cmdline())]
    workers[0].kill()
    _out, err = finished(process)
    assert LOST in err
    assert written(folder / output) == expected


def test_killed_run_resumes(case: tuple[Path, Case, Any]) -> None:
    folder, (words, has_begun, written), expected = case
    output = Path("resumed")
    process = started(folder, *words(output), "--jobs", 2)
    begun(process, lambda: has_begun(folder / output))
    kill_all(process)
    finished(started(folder, *words(output), "--jobs", 2))
    assert written(folder / output) == expected


def test_ray_with_two_workers_of_which_one_is_killed(
    case: tuple[Path, Case, Any], ray_address: Cluster
) -> None:
    folder, (words, has_begun, written), expected = case
    address, workers = ray_address
    output = Path("ray")
    process = started(folder, *words(output), "--cluster", address)
    begun(process, lambda: has_begun(folder / output))
    found = workers()
    assert len(found) == 2
    found[0].kill()
    _out, err = finished(process)
    # Results come at the end of a round: evaluate begins to write when no worker computes.
    assert LOST in err or words(output)[0] == "evaluate"
    assert written(folder / output) == expected


def test_dask_with_two_workers_of_which_one_is_killed(case: tuple[Path, Case, Any]) -> None:
    folder, (words, has_begun, written), expected = case
    output = Path("dask")
    with dask_cluster() as (address, workers):
        process = started(folder, *words(output), "--cluster", address)
        begun(process, lambda: has_begun(folder / output))
        workers()[0].kill()
        finished(process)
        assert len(workers()) == 1
    assert written(folder / output) == expected
