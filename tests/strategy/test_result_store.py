"""What was measured is measured once, as long as the same is asked for."""

from __future__ import annotations

from pathlib import Path

from tfl_depth.strategy.result_store import ResultStore
from tfl_depth.strategy.results import MapSensitivity, NpuEstimate


def once(folder: Path, asked: str, value: float) -> float:
    made = lambda: MapSensitivity(value, {"one": value})  # noqa: E731 - as short as it is
    found = ResultStore(folder).once("some/result", MapSensitivity, asked, made)
    assert found.alone_mm == {"one": found.all_mm}
    return found.all_mm


def test_a_kept_result_is_taken_while_the_same_is_asked_for(tmp_path: Path) -> None:
    assert once(tmp_path / "new", "this", 1.0) == 1.0
    assert once(tmp_path / "new", "this", 2.0) == 1.0
    assert once(tmp_path / "new", "that", 3.0) == 3.0
    assert once(tmp_path / "new", "that", 4.0) == 3.0


def test_a_result_of_an_older_form_is_measured_again(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    store.once("result", NpuEstimate, "this", lambda: NpuEstimate(3, None))
    found = store.once("result", MapSensitivity, "this", lambda: MapSensitivity(1.0, {}))
    assert found == MapSensitivity(1.0, {})
