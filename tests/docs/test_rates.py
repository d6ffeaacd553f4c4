"""The table of a million photos is computed from the measured times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docs.scripts import measure_rates
from tfl_depth.tables import with_table

ONE, TWO = {"workers_s": 0.0, "command_s": 0.1}, {"workers_s": 0.09, "command_s": 0.003}
ROW = {
    "network": "net",
    "spent": {"1": ONE, "2": TWO},
    "bytes_written": 250_000,
    "bytes_of_notes": 1500,
}


def test_page_has_the_table_of_the_result_file() -> None:
    page = measure_rates.PAGE.read_text(encoding="utf-8")
    assert with_table(page, "rates", measure_rates.table()) == page


def test_hours_follow_from_the_processor_time_of_a_photo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    figures = tmp_path / "rates.json"
    document = {"photos": 8, "size": "640x480", "bytes_read": 1e5, "load": 2.4, "rows": [ROW]}
    figures.write_text(json.dumps(document))
    monkeypatch.setattr(measure_rates, "FIGURES", figures)
    row = measure_rates.table().splitlines()[2]
    assert row == ("| `net` | 11.1 | 25.0 h | 12.5 h | 3.1 h | 0.8 h | 250 GB | 1.5 GB | 30 |")
    assert "0.93 times the processor time of one" in measure_rates.table()
