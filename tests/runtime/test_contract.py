"""The contract: its JSON, its document, and what reading one refuses."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import ramp
from tfl_depth.contract import (
    BLANK_SHA256,
    Calibration,
    Contract,
    GoldenSpread,
    find_contract,
    read_contract,
)
from tfl_depth.encoding import Decoder, Spans
from tfl_depth.errors import ContractError, ModelFileError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "contract.md"

CONTRACT = Contract(
    tool="tfl-depth 0.1.0",
    precision="int8",
    head="split",
    edges_m=Spans.uniform(15).edges_m,
    input_name="pixels",
    height=192,
    width=256,
    pixel_scale=1 / 128,
    pixel_offset=-127 / 128,
    calibration=Calibration(images=100, sha256="ab" * 32, seed=3),
    verification={"images": 16, "median_mm": 20.1},
    golden=GoldenSpread(images=2, median_mm=8.0, p95_mm=31.0, max_mm=79.0),
    recipe="plain",
)


def fields(document: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted names of all fields; those of `outputs` are roles."""
    for name, value in document.items():
        yield prefix + name
        if isinstance(value, dict) and name != "outputs":
            yield from fields(value, f"{prefix}{name}.")


def written(contract: Contract = CONTRACT) -> dict[str, Any]:
    return dict(json.loads(contract.to_json(BLANK_SHA256)))


def changed(path: str, value: Any) -> bytes:
    """The contract's JSON with one field, by its dotted name, replaced."""
    document = written()
    *parents, last = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    place[last] = value
    return json.dumps(document).encode()


def without(path: str) -> bytes:
    document = written()
    *parents, last = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    del place[last]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "contract",
    [
        CONTRACT,
        replace(CONTRACT, precision="float32", calibration=None),
        replace(CONTRACT, head="single", edges_m=(0.0, 80.0), precision="int16x8"),
        replace(CONTRACT, golden=None, recipe=None),
        replace(CONTRACT, edges_m=(0.3, 1.0, 2.0, 4.0, 80.0)),
    ],
)
def test_contract_survives_json(contract: Contract) -> None:
    assert Contract.from_json(contract.to_json("0" * 64)) == contract


def test_models_carry_what_they_are(models: Path) -> None:
    for name, spans in ramp.SPANS.items():
        contract = read_contract((models / ramp.file_name(name)).read_bytes())
        assert (contract.spans, contract.max_depth_m) == (spans, spans.max_depth_m)
        assert (contract.height, contract.width) == (ramp.SIDE, ramp.SIDE)
        assert contract.output_names == ("integer", "fractional")


@pytest.mark.parametrize("version", [0, 2, 99, "1", None])
def test_other_version_is_refused_by_name(version: Any) -> None:
    with pytest.raises(ContractError, match=f"version 1, got {re.escape(repr(version))}.*install"):
        Contract.from_json(changed("version", version))


def test_newer_version_is_refused_whatever_else_it_holds() -> None:
    with pytest.raises(ContractError, match="version 1, got 2"):
        Contract.from_json(b'{"version":2,"all":"new"}')


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"1", b"\xff\xfe", b"{}", b"[" * 99999]
)
def test_what_is_no_contract_is_refused(text: bytes) -> None:
    with pytest.raises(ContractError, match="not readable"):
        Contract.from_json(text)


NEEDED = [
    name
    for name in fields(written())
    if name
    not in {
        # For information, constant in version 1, or said by another field.
        *("sha256", "signature", "outputs", "max_depth_m", "decoding.rule"),
        *("input.colour_order", "input.pixel_range"),
        # Missing in files of earlier times.
        *("golden", "recipe"),
        *(name for name in fields(written()) if name.startswith("verification.")),
    }
]


@pytest.mark.parametrize("name", NEEDED)
def test_missing_field_is_refused(name: str) -> None:
    with pytest.raises(ContractError):
        Contract.from_json(without(name))


@pytest.mark.parametrize(
    ("name", "contract"),
    [("golden", replace(CONTRACT, golden=None)), ("recipe", replace(CONTRACT, recipe=None))],
)
def test_files_of_before_a_field_was_noted_are_read(name: str, contract: Contract) -> None:
    assert Contract.from_json(without(name)) == contract


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("precision", "int4", "int8, int16x8, float32, got 'int4'"),
        ("head", "triple", "split, single, got 'triple'"),
        ("decoding.edges_m", [0, 2, 1], "ascending"),
        ("decoding.edges_m", [0], "spans"),
        ("decoding.edges_m", [-1, 1], "from 0 on"),
        ("decoding.edges_m", [0, 1e999], "from 0 on"),
        ("decoding.codes_per_span", 16, "codes_per_span"),
        ("input.height", 0, "0 x 256"),
        ("input.width", -3, "192 x -3"),
        ("input.width", 1e999, "infinity"),
        ("calibration", {"images": 1, "seed": 0}, "sha256"),
        ("golden", {"images": 2, "median_mm": 1, "p95_mm": 2}, "max_mm"),
        ("calibration", {"images": "many", "sha256": "", "seed": 0}, "many"),
        ("recipe", ["plain"], "['plain']"),
    ],
)
def test_field_out_of_its_range_is_refused(name: str, value: Any, said: str) -> None:
    with pytest.raises(ContractError, match=f"damaged.*{re.escape(said)}"):
        Contract.from_json(changed(name, value))


@pytest.mark.parametrize(
    "parent", ["", "input.", "decoding.", "calibration.", "verification.", "golden."]
)
def test_field_of_a_later_tool_is_ignored(parent: str) -> None:
    contract = Contract.from_json(changed(f"{parent}new", [1, 2]))
    assert replace(contract, verification=CONTRACT.verification) == CONTRACT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(fields(written()))), JSON)
def test_any_value_is_taken_or_refused_as_a_contract(name: str, value: Any) -> None:
    try:
        contract = Contract.from_json(changed(name, value))
    except ContractError:
        return
    assert contract.spans.codes_per_span == CONTRACT.spans.codes_per_span


def test_digest_is_what_the_document_says(net: Path) -> None:
    model = net.read_bytes()
    place = find_contract(model)
    assert place is not None
    start, length = place
    text = model[start : start + length]
    digits = start + text.index(b'"sha256":"') + len('"sha256":"')
    blanked = model[:digits] + b"0" * 64 + model[digits + 64 :]
    expected = hashlib.sha256(blanked).hexdigest()
    assert model[digits : digits + 64].decode() == expected


def test_bit_flipped_in_any_byte_of_the_contract_is_found(net: Path) -> None:
    model = net.read_bytes()
    place = find_contract(model)
    assert place is not None
    random = np.random.default_rng(3)
    for position in range(place[0], sum(place)):
        flipped = bytearray(model)
        flipped[position] ^= 1 << random.integers(8)
        with pytest.raises((ModelFileError, ContractError)):
            read_contract(bytes(flipped))


def test_contract_without_a_digest_is_refused(models: Path) -> None:
    model = (models / ramp.file_name(ramp.COMMON, "split", "float32")).read_bytes()
    with pytest.raises(ContractError, match="no sha256"):
        read_contract(model.replace(b'"sha256":"', b'"sha257":"'))


def test_document_lists_the_fields_that_are_written() -> None:
    table = DOCUMENT.read_text().partition("| --- |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)
    parents = ("input", "input.normalisation", "decoding", "verification")
    example = json.loads(example_json())
    assert listed == [name for name in fields(example) if name not in parents]
    assert list(fields(example)) == [
        *(n for n in fields(written()) if not n.startswith(("verification.", "golden"))),
        *(n for n in fields(example) if n.startswith("verification.")),
        *(n for n in fields(written()) if n.startswith("golden")),
    ]


def test_document_lists_what_the_converter_measures(net: Path) -> None:
    measured = read_contract(net.read_bytes()).verification
    assert list(measured) == list(json.loads(example_json())["verification"])


def test_example_of_the_document_is_a_contract() -> None:
    contract = Contract.from_json(example_json())
    assert contract.to_json(json.loads(example_json())["sha256"]) == example_json()


def test_worked_example_of_the_document_is_right() -> None:
    text = DOCUMENT.read_text()
    found = re.search(r"integer = (\d+), fractional = (\d+).*?written as (\d+) mm", text, re.DOTALL)
    assert found is not None
    integer, fractional, depth_mm = (int(number) for number in found.groups())
    codes = np.array([integer], np.uint8), np.array([fractional], np.uint8)
    decoder = Decoder(Contract.from_json(example_json()).spans)
    assert decoder.decode(*codes) == [depth_mm]
    assert not decoder.disagreement(*codes).any()


def example_json() -> bytes:
    found = re.search(r"```json\n(.*)\n```", DOCUMENT.read_text())
    assert found is not None
    return found[1].encode()
