"""Results go to JSON and come back; other formats are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.strategy.small_study import results
from tfl_depth.errors import DatasetError
from tfl_depth.strategy.results import FORMAT, StudyResults, read_results


def test_results_come_back_as_they_were() -> None:
    found = results({"fp32": 0.1, "gptq/per_tensor": 8.0}, {"longer": "no training"})
    assert StudyResults.from_json(found.to_json()) == found


def test_ids_are_the_keys_of_the_file() -> None:
    plain = json.loads(results({"fp32": 0.1, "gptq/per_tensor": 8.0}).to_json())
    assert plain["format"] == FORMAT
    assert plain["experiments"]["gptq/per_tensor"]["deviation"]["median_mm"] == 8.0


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"network": None, "rows": {}},
        {"head": "double"},
        {"experiments": {"fp32": {"metrics": {}}}},
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    plain = {**json.loads(results({"fp32": 0.1}).to_json()), **change}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(plain))
    with pytest.raises(DatasetError, match=r"results.json: .* measure again"):
        read_results(path)


def test_damage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(results({"fp32": 0.1}).to_json()[:400])
    with pytest.raises(DatasetError, match="measure again"):
        read_results(path)
