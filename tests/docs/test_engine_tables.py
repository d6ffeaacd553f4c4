"""The tables of engines of proof are those of their result file."""

from __future__ import annotations

from docs.scripts import engine_tables
from tfl_depth.proof import ENGINES
from tfl_depth.tables import table_in
from tfl_depth.targets import TARGETS


def test_documents_have_the_tables_of_the_result_file() -> None:
    measured = engine_tables.read_engines()
    proof = engine_tables.PROOF.read_text(encoding="utf-8")
    assert engine_tables.with_engine_tables(proof, measured) == proof
    targets = engine_tables.TARGETS_PAGE.read_text(encoding="utf-8")
    assert engine_tables.with_run_column(targets, measured) == targets


def test_every_target_has_one_row() -> None:
    table = table_in(engine_tables.TARGETS_PAGE.read_text(encoding="utf-8"), "targets")
    rows = [row.split(" | ")[0] for row in table.splitlines()[2:]]
    found = [name for row in rows for name in engine_tables.targets_of(row)]
    assert sorted(found) == sorted(TARGETS)


def test_what_was_run_follows_the_result_file() -> None:
    targets = engine_tables.TARGETS_PAGE.read_text(encoding="utf-8")
    without = {
        model: {engine: row for engine, row in rows.items() if engine != "qnn-htp"}
        for model, rows in engine_tables.read_engines().items()
    }
    line = next(
        line
        for line in engine_tables.with_run_column(targets, without).splitlines()
        if line.startswith("| `qnn-s*`")
    )
    assert line.endswith("| nothing |")


def test_every_engine_was_run_with_the_versions_that_it_names() -> None:
    rows = [row for rows in engine_tables.read_engines().values() for row in rows.items()]
    assert {engine for engine, _ in rows} == set(ENGINES)
    for engine, found in rows:
        pins = [part.replace("==", " ").replace("-", "_") for part in ENGINES[engine].parts]
        assert found["versions"].replace("-", "_") == ", ".join(pins)
