"""The report begins with what to do, and says what the results beside it say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.strategy.small_study import results
from tests.strategy.test_conclusions import MEDIANS_MM
from tfl_depth.strategy.results import RESULTS, StudyResults
from tfl_depth.strategy.study_details import SCENE
from tfl_depth.strategy.study_input import Grid
from tfl_depth.strategy.study_report import write_study_report
from tfl_depth.strategy.study_scene import write_pictures

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs" / "strategy"


def report(folder: Path, found: StudyResults) -> str:
    (folder / found.network).mkdir(exist_ok=True)
    (folder / found.network / RESULTS).write_text(found.to_json())
    return write_study_report(folder).read_text()


def details(folder: Path, found: StudyResults) -> str:
    report(folder, found)
    return (folder / found.network / "details.md").read_text()


def test_the_conclusion_and_one_table_come_first(tmp_path: Path) -> None:
    lines = report(tmp_path, results(MEDIANS_MM)).splitlines()
    assert lines[0].startswith("# ") and lines[2].startswith("**`example`.** Weights per channel")
    rows = [line.split(" | ") for line in lines if line.startswith("|")][2:]
    assert [row[:4] for row in rows] == [
        ["| **`example`**", "FP32", "-", "-"],
        ["| ", "INT8, one output", "per channel", "`minmax`"],
        ["| ", "**INT8, exact split, best recipe**", "per channel", "`gptq`"],
        ["| ", "INT8, one output", "per tensor", "`minmax`"],
        ["| ", "**INT8, exact split, best recipe**", "per tensor", "`gptq`"],
    ]
    assert [row[6] for row in rows] == ["0.1 mm", "30.0 mm", "10.0 mm", "90.0 mm", "12.0 mm"]
    table = next(place for place, line in enumerate(lines) if line.startswith("|"))
    assert not any(line.startswith("#") for line in lines[1:table])


def test_the_report_is_a_page_with_one_picture_and_the_commands(tmp_path: Path) -> None:
    found = results(MEDIANS_MM)
    assert "![" not in report(tmp_path, found) and SCENE not in details(tmp_path, found)
    (tmp_path / "example" / SCENE).write_bytes(b"a picture")
    text = report(tmp_path, found)
    assert text.count("![") == 1 and "(example/scene.png)" in text
    assert "(scene.png)" in details(tmp_path, found)
    assert "tfl-depth strategy NETWORK" in text and "(example/details.md)" in text
    assert len(text.split()) < 500


def test_what_was_left_out_is_said_with_its_reason(tmp_path: Path) -> None:
    left_out = {"longer": "training needs Keras", "int8/per_channel": "it would have to divide."}
    text = details(tmp_path, results({"fp32": 0.1, "split/per_channel": 20.0}, left_out))
    assert "Left out: FP32, trained further: training needs Keras." in text
    assert "Left out: INT8, one output: it would have to divide." in text


def test_every_measured_experiment_has_its_line(tmp_path: Path) -> None:
    text = details(tmp_path, results(MEDIANS_MM))
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
        if (path.parent / SCENE).exists():
            (tmp_path / path.parent.name / SCENE).touch()
    write_study_report(tmp_path)
    written = sorted(tmp_path.rglob("*.md"))
    assert len(written) == 3
    for path in written:
        assert path.read_text() == (DOCUMENTS / path.relative_to(tmp_path)).read_text()
