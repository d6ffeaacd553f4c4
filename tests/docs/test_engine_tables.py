"""The tables of engines of proof are those of their result file."""

from __future__ import annotations

from docs.scripts import engine_tables
from tfl_depth.proof import ENGINES


def test_documents_have_the_tables_of_the_result_file() -> None:
    measured = engine_tables.read_engines()
    proof = engine_tables.PROOF.read_text(encoding="utf-8")
    assert engine_tables.with_engine_tables(proof, measured) == proof
    targets = engine_tables.TARGETS_PAGE.read_text(encoding="utf-8")
    assert engine_tables.with_run_table(targets, measured) == targets


def test_every_engine_was_run_with_the_versions_that_it_names() -> None:
    rows = [row for rows in engine_tables.read_engines().values() for row in rows.items()]
    assert {engine for engine, _ in rows} == set(ENGINES)
    for engine, found in rows:
        pins = [part.replace("==", " ").replace("-", "_") for part in ENGINES[engine].parts]
        assert found["versions"].replace("-", "_") == ", ".join(pins)
