"""Engines of proof: each says how near it is, whether bytes are equal, and how it is installed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tfl_depth.converters.metadata import with_contract, with_metadata
from tfl_depth.errors import DepthError, InterpreterError
from tfl_depth.format.contract import read_contract
from tfl_depth.format.golden import METADATA_NAME, Golden, read_golden
from tfl_depth.proof import ENGINES, prove_by
from tfl_depth.proof.part_folder import VARIABLE, run_part
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.prove import main

ROOT = Path(__file__).resolve().parents[2]
OWN = ["reference", "xnnpack"]


@pytest.fixture
def no_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base folder without any engine's parts."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def with_golden(model: bytes, golden: Golden) -> bytes:
    contract = read_contract(model)
    return with_contract(with_metadata(model, METADATA_NAME, golden.to_zip()), contract)


@pytest.mark.parametrize("file", ["net.tflite", "net-single.tflite", "net-per-tensor.tflite"])
def test_reference_kernels_give_the_golden_bytes(file: str, models: Path) -> None:
    proof = prove_by("reference", models / file)
    assert (proof.verdict, proof.max_mm, proof.byte_for_byte) == ("right", 0, True)


def test_other_right_kernels_give_other_bytes(net: Path) -> None:
    proof = prove_by("xnnpack", net)
    assert (proof.verdict, proof.byte_for_byte) == ("right", False)
    with DepthRunner(net) as runner:
        assert runner.prove() == proof
    assert "not byte for byte" in str(proof)


def test_one_other_byte_is_seen(net: Path) -> None:
    model = net.read_bytes()
    golden = read_golden(model, read_contract(model))
    assert golden.digests is not None
    first, second = golden.digests
    changed = replace(golden, digests=(first, first if first != second else "0" * 64))
    proof = prove_by("reference", with_golden(model, changed))
    assert (proof.verdict, proof.max_mm, proof.byte_for_byte) == ("right", 0, False)


def test_file_without_digests_is_proved_in_millimeters(net: Path) -> None:
    """As files were before digests."""
    model = net.read_bytes()
    older = with_golden(model, replace(read_golden(model, read_contract(model)), digests=None))
    proof = prove_by("reference", older)
    assert (proof.verdict, proof.max_mm, proof.byte_for_byte) == ("right", 0, None)
    assert "no digest" in str(proof)


def test_other_engine_is_refused(net: Path) -> None:
    with pytest.raises(DepthError, match=r"reference, xnnpack, .*got 'npu'"):
        prove_by("npu", net)


@pytest.mark.usefixtures("no_parts")
def test_tool_lists_all_engines(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(net), "--json"]) == 0
    rows = {row["engine"]: row for row in json.loads(capsys.readouterr().out)["engines"]}
    assert list(rows) == list(ENGINES)
    assert [rows[name]["byte_for_byte"] for name in OWN] == [True, False]
    assert {rows[name]["verdict"] for name in OWN} == {"right"}
    for name in set(ENGINES) - set(OWN):
        assert rows[name]["verdict"] is None
        assert rows[name]["problem"] == ENGINES[name].how_to_install


def test_what_is_not_installed_is_said(
    net: Path, no_parts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(net), "--engine", "tflm"]) == 1
    said = f"Not installed: pip install --no-deps --target {no_parts / 'tosa'} tflite-micro=="
    assert said in capsys.readouterr().err


def test_engine_and_delegate_exclude_each_other(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(net), "--engine", "xnnpack", "--delegate", "auto"]) == 1
    assert "got both" in capsys.readouterr().err


def test_crash_of_a_part_is_an_error() -> None:
    with pytest.raises(InterpreterError, match=r"The part .*exit status -11"):
        run_part("The part", ["sh", "-c", "kill -SEGV $$"])
    with pytest.raises(InterpreterError, match=r"exit status 3: no such operator"):
        run_part("The part", ["sh", "-c", "echo no such operator >&2; exit 3"])


def test_versions_are_those_that_the_tests_install() -> None:
    pinned = set()
    for file in (ROOT / "requirements").glob("*.txt"):
        pinned |= set(re.findall(r"^[\w.-]+==[\w.]+$", file.read_text("utf-8"), re.MULTILINE))
    assert {part for spec in ENGINES.values() for part in spec.parts} <= pinned
