"""The report begins with what to do, and says what the results beside it say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.strategy.small_study import results
from tests.strategy.test_conclusions import MEDIANS_MM
from tfl_depth.strategy.results import RESULTS, StudyResults
from tfl_depth.strategy.study_input import Grid
from tfl_depth.strategy.study_report import write_report
from tfl_depth.strategy.study_scene import write_pictures

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs" / "strategy"


def report(folder: Path, found: StudyResults) -> str:
    (folder / found.network).mkdir(exist_ok=True)
    (folder / found.network / RESULTS).write_text(found.to_json())
    return write_report(folder).read_text()


def test_the_conclusion_and_one_table_come_first(tmp_path: Path) -> None:
    lines = report(tmp_path, results(MEDIANS_MM)).splitlines()
    assert lines[0].startswith("# ") and lines[2].startswith("**`example`.** With weights per")
    table = next(place for place, line in enumerate(lines) if line.startswith("|"))
    assert lines[table + 2].split(" | ")[:3] == ["| `example`", "per channel", "0.1001"]
    assert not any(line.startswith("#") for line in lines[1:table])


def test_what_was_left_out_is_said_with_its_reason(tmp_path: Path) -> None:
    left_out = {"longer": "training needs Keras", "int8/per_channel": "it would have to divide."}
    text = report(tmp_path, results({"fp32": 0.1, "split/per_channel": 20.0}, left_out))
    assert "Left out: FP32, trained further: training needs Keras." in text
    assert "Left out: INT8, one output: it would have to divide." in text


def test_every_measured_experiment_has_its_line(tmp_path: Path) -> None:
    text = report(tmp_path, results(MEDIANS_MM))
    for name in MEDIANS_MM:
        assert f"| `{name}` |" in text


@pytest.mark.parametrize("medians", [MEDIANS_MM, {"fp32": 0.1}])
def test_pictures_are_drawn_of_full_and_of_scant_results(
    tmp_path: Path, medians: dict[str, float]
) -> None:
    def grid(name: str) -> Grid:
        return np.full((12, 16), 2.0 + len(name) / 100, np.float32)

    write_pictures(tmp_path, results(medians), grid)
    for name in ("trajectory", "budget", "ranges", "layers", "scene"):
        content = (tmp_path / f"{name}.png").read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) > 5000


def test_the_document_says_what_the_results_beside_it_say(tmp_path: Path) -> None:
    for path in DOCUMENTS.glob(f"*/{RESULTS}"):
        (tmp_path / path.parent.name).mkdir()
        (tmp_path / path.parent.name / RESULTS).write_bytes(path.read_bytes())
    assert write_report(tmp_path).read_text() == (DOCUMENTS / "README.md").read_text()
