"""The contract: its JSON, its document, and what reading one refuses."""

from __future__ import annotations

import hashlib
import itertools
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

from tests.support import ramp
from tests.support.length import length
from tfl_depth.encoding import MAX_SAMPLES, MAX_SPANS, Decoder, Spans
from tfl_depth.errors import ContractError, ModelFileError
from tfl_depth.format.contract import Contract, read_contract
from tfl_depth.format.contract_parts import (
    Calibration,
    GoldenSpread,
    Normalization,
    Source,
    TrainedCamera,
    ZoomResponse,
)
from tfl_depth.format.contract_place import BLANK_SHA256, find_contract

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "contract.md"

CURVES = ((0.1, 0.4, 1.0), (1.0, 10.0))

CONTRACT = Contract(
    tool="tfl-depth 0.1.0",
    precision="int8",
    head="split",
    edges_m=Spans.uniform(15).edges_m,
    input_name="pixels",
    height=192,
    width=256,
    normalization=Normalization((1 / 128, 1 / 127, 1 / 126), (-127 / 128, -1, -0.9)),
    calibration=Calibration(images=100, sha256="ab" * 32, seed=3),
    verification={"images": 16, "median_mm": 20.1, "worst": [{"operator": "CONV_2D"}, None]},
    source=Source(format="onnx", framework="onnxruntime 1.22.0", import_difference_mm=0.02),
    golden=GoldenSpread(images=2, median_mm=8.0, p95_mm=31.0, max_mm=79.0),
    recipe="plain",
    fit="crop",
    camera=TrainedCamera(
        fx=207.5,
        fy=207.8,
        cx=129.9,
        cy=101.2,
        zoom_response=ZoomResponse(16, (0.7, 1.4), (0.4, 0.9), obeys=False),
    ),
)


# As many spans as there may be, of as many samples.
EDGES = [k / 7 for k in range(MAX_SPANS + 1)]
LONGEST: dict[str, Any] = {
    "edges_m": tuple(EDGES),
    "curves_m": tuple(
        (near, *map(float, np.linspace(near, far, MAX_SAMPLES)[1:-1]), far)
        for near, far in itertools.pairwise(EDGES)
    ),
}


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
        replace(CONTRACT, golden=None, recipe=None, source=None),
        replace(CONTRACT, edges_m=(0.1, 1.0, 10.0), curves_m=CURVES),
        replace(CONTRACT, **LONGEST),
        replace(CONTRACT, edges_m=(0.3, 1.0, 2.0, 4.0, 80.0)),
        replace(CONTRACT, camera=None, fit="pad"),
        replace(CONTRACT, camera=TrainedCamera(100.0, 100.0, -3.0, 0.0)),
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


@pytest.mark.parametrize("version", [0, 4, 99, "2", 2.0, None, [2] * 99])
def test_other_version_is_refused_by_name(version: Any) -> None:
    said = re.escape(repr(version)[:40])
    with pytest.raises(ContractError, match=f"version 3, got {said}: install"):
        Contract.from_json(changed("version", version))


def test_newer_version_is_refused_whatever_else_it_holds() -> None:
    with pytest.raises(ContractError, match="version 3, got 4"):
        Contract.from_json(b'{"version":4,"all":"new"}')


def test_file_of_version_2_stretches_frames_and_knows_no_camera() -> None:
    document = written()
    document["version"] = 2
    del document["input"]["fit"], document["input"]["camera"]
    read = Contract.from_json(json.dumps(document).encode())
    assert (read.fit, read.camera) == ("stretch", None)
    assert replace(read, fit=CONTRACT.fit, camera=CONTRACT.camera) == CONTRACT


def test_file_of_an_earlier_version_is_to_be_converted_again() -> None:
    with pytest.raises(ContractError, match=r"version 3, got 1: an earlier.*Convert .* again"):
        Contract.from_json(b'{"version":1,"sha256":"","input":{}}')


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"[]", b"null", b"1", b"\xff\xfe", b"{}", b"[" * 99999),
        b'{"version":2,"version":2}',
        b'{"version":2,"max_depth_m":NaN}',
    ],
)
def test_what_is_no_contract_is_refused(text: bytes) -> None:
    with pytest.raises(ContractError, match="not readable"):
        Contract.from_json(text)


def test_contract_without_end_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ContractError, match=r"at most 1048576 bytes, got 16000000"):
        Contract.from_json(b"[]," * (16_000_000 // 3) + b" ")


NEEDED = [name for name in fields(written()) if not name.startswith("verification.")]


@pytest.mark.parametrize("name", NEEDED)
def test_missing_field_is_refused(name: str) -> None:
    with pytest.raises(ContractError):
        Contract.from_json(without(name))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("precision", "int4", "int8, int16x8, float32, got 'int4'"),
        ("head", "triple", "split, single, got 'triple'"),
        ("decoding.edges_m", [0, 2, 1], "ascending"),
        ("decoding.edges_m", [0], "spans"),
        ("decoding.edges_m", [-1, 1], "from 0 on"),
        ("decoding.edges_m", [0, 1e999], "JSON"),
        ("decoding.codes_per_span", 16, "codes_per_span"),
        ("decoding.edges_m", [0, 2**40], "up to"),
        ("decoding.edges_m", [0, 10**400], "numbers"),
        ("decoding.edges_m", [False, 15], "numbers"),
        ("decoding.edges_m", "0123", "numbers"),
        ("decoding.curves_m", [[0, 1]], "a curve for each of 15 spans, got 1"),
        ("decoding.curves_m", [[0, 1]] * 128, "at most 127 lists"),
        ("decoding.curves_m", [[0] * 257], "at most 256 finite numbers"),
        ("decoding.curves_m", {}, "lists"),
        ("decoding.rule", "gray-code", "decoding.rule to be 'folded', got 'gray-code'"),
        ("decoding.rule", "linear", "decoding.rule to be 'folded', got 'linear'"),
        ("max_depth_m", 14.5, "max_depth_m to be 15.0, got 14.5"),
        ("outputs", {"integer": "fractional", "fractional": "integer"}, "expected outputs to be"),
        ("outputs", {"integer": "integer"}, "expected outputs to be"),
        ("input.color_order", "bgr", "input.color_order to be 'rgb', got 'bgr'"),
        ("input.pixel_range", [0, 1], "input.pixel_range to be [0, 255], got [0, 1]"),
        ("input.pixel_range", [False, 255], "input.pixel_range"),
        ("input.height", 0, "input.height to be a whole number from 1 to 16384, got 0"),
        ("input.width", -3, "input.width"),
        ("input.width", 256.0, "input.width"),
        ("input.width", 1e999, "JSON"),
        ("input.name", "x" * 2000, "input.name to be a printable text"),
        ("input.name", "\x1b[31mred", "input.name to be a printable text"),
        ("input.normalization.scale", 1.0, "input.normalization.scale"),
        ("input.normalization.scale", [1.0, 2.0], "three"),
        ("input.fit", "letterbox", "input.fit to be one of stretch, crop, pad, got 'letterbox'"),
        ("input.camera", "unknown", "input.camera to be an object"),
        ("input.camera.fx", 0, "expected fx of the camera in pixels, got 0"),
        ("input.camera.fy", -1, "from 0, got -1"),
        ("input.camera.cx", 1e9, "expected cx of the camera in pixels"),
        ("input.camera.cy", None, "input.camera.cy"),
        ("input.camera.zoom_response.obeys", 1, "true or false, got 1"),
        ("input.camera.zoom_response.response", [1.0], "each of 2 zooms, got 1"),
        ("input.camera.zoom_response.images", 0, "from 1"),
        ("source", {"format": "onnx", "framework": "torch"}, "source.import_difference_mm"),
        ("source.import_difference_mm", -1, "from 0, got -1"),
        ("sha256", "0" * 63, "64 lower-case hexadecimal digits"),
        ("signature", "F" * 128, "128 lower-case"),
        ("calibration", {"images": 1, "seed": 0}, "sha256"),
        ("calibration.images", "many", "many"),
        ("calibration", [], "calibration to be an object"),
        ("golden", {"images": 2, "median_mm": 1, "p95_mm": 2}, "max_mm"),
        ("golden.images", 10**9, "from 1 to 100"),
        ("golden.p95_mm", 1e999, "JSON"),
        ("recipe", ["plain"], "['plain']"),
        ("verification", None, "verification"),
        ("verification.median_mm", "20", "verification.median_mm to be a finite number"),
        ("verification.images", 1.5, "verification.images"),
        ("verification.new", [0] * 3000, "at most 2000 values"),
        ("verification.new", [[[[[[]]]]]], "little nesting"),
        ("verification.new", "\n", "printable"),
    ],
)
def test_field_out_of_its_range_is_refused(name: str, value: Any, said: str) -> None:
    with pytest.raises(ContractError, match=f"^The contract is .*{re.escape(said)}"):
        Contract.from_json(changed(name, value))


@pytest.mark.parametrize(
    "decoding",
    [
        {"edges_m": [0, 1, 2], "curves_m": None, "codes_per_span": 127},
        {"edges_m": [0.1, 1], "curves_m": None, "codes_per_span": 255},
        {"edges_m": [0, 1], "curves_m": [[0, 0.2, 1]], "codes_per_span": 255},
    ],
)
def test_one_output_is_of_one_straight_range(decoding: dict[str, Any]) -> None:
    single = replace(CONTRACT, head="single", edges_m=(0.0, 2.0))
    document = json.loads(single.to_json(BLANK_SHA256))
    document["decoding"] = {"rule": "linear", **decoding}
    document["max_depth_m"] = float(decoding["edges_m"][-1])
    with pytest.raises(ContractError, match="single head"):
        Contract.from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    "parent", ["", "input.", "decoding.", "calibration.", "verification.", "golden.", "source."]
)
def test_field_of_a_later_tool_is_ignored(parent: str) -> None:
    contract = Contract.from_json(changed(f"{parent}new", [1, 2]))
    assert replace(contract, verification=CONTRACT.verification) == CONTRACT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=length(100, 300))
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
    parents = ("input", "input.normalization", "decoding")
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
