"""`make benchmark`: its tables, and that it measures what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from docs.scripts import benchmark_figures
from tfl_depth.errors import DatasetError
from tfl_depth.tables import markdown, with_table
from tfl_depth.tools import benchmark
from tfl_depth.tools import convert as convert_tool


def test_document_shows_the_figures_of_the_result_file() -> None:
    document = benchmark_figures.DOCUMENT.read_text(encoding="utf-8")
    assert benchmark_figures.with_tables(document) == document


def test_result_file_is_what_the_benchmark_measures_with_every_peer() -> None:
    for size, result in zip(
        benchmark_figures.SIZES, json.loads(benchmark_figures.RESULTS.read_text()), strict=True
    ):
        assert (result["input"], result["absent"]) == (size, {})
        assert list(result["ratios"]) == list(benchmark.RATIOS)


def test_it_measures_each_size_and_writes_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def convert(arguments: list[str]) -> int:
        asked.append(arguments[arguments.index("--size") + 1])
        return 0

    def measure(model: Path, floating: Path, threads: int, rounds: int) -> dict[str, Any]:
        assert "int8" in model.name and "float32" in floating.name
        found = json.loads(benchmark_figures.RESULTS.read_text())[0]
        return {**found, "input": f"{model.name}, {threads}, {rounds}"}

    results, document = tmp_path / "results.json", tmp_path / "document.md"
    shutil.copy(benchmark_figures.RESULTS, results)
    shutil.copy(benchmark_figures.DOCUMENT, document)
    for name, value in {"RESULTS": results, "DOCUMENT": document, "ROOT": tmp_path}.items():
        monkeypatch.setattr(benchmark_figures, name, value)
    monkeypatch.setattr(convert_tool, "main", convert)
    monkeypatch.setattr(benchmark, "measure", measure)
    assert benchmark_figures.main(["--rounds", "3"]) == 0
    assert asked == ["192x256"] * 2 + ["384x640"] * 2
    assert "-384x640-int8.tflite, 1, 3 |" in document.read_text()


def test_table_needs_its_marks() -> None:
    table = markdown(["a", "b"], [["1", "2"]])
    assert table == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    with pytest.raises(DatasetError, match="'speed'"):
        with_table("a document", "speed", table)
