"""Malicious files: refused soon, and not read before the signature."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import NoReturn

import flatbuffers
import pytest

from tests.support.synthetic_data import write_dataset
from tfl_depth.errors import ContractError, ModelFileError, SignatureError
from tfl_depth.format.contract import Contract, read_contract
from tfl_depth.format.contract_place import BLANK_SHA256, METADATA_NAME, find_metadata
from tfl_depth.format.signing import new_key_pair
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.delegates.model_traits import read_model_traits
from tfl_depth.tools import benchmark, evaluate, infer, prove, view

PRIVATE, PUBLIC = new_key_pair()
# Files of a megabyte were read for half a minute.
SOON_S = 2.0


def model_of(metadata: list[tuple[str | int, bytes]], codes: int = 0) -> bytes:
    """A .tflite of nothing but metadata and operator codes.

    Args:
        metadata: the name of each entry, or the number of an entry whose name it shares; and what
            its buffer holds.
        codes: how many operator codes there are, all with the first entry's name.
    """
    builder = flatbuffers.Builder(1 << 20)
    names: list[int] = []
    for name, _ in metadata:
        names.append(names[name] if isinstance(name, int) else builder.CreateString(name))
    contents = [builder.CreateByteVector(content) for _, content in metadata]
    buffers = [table(builder, {0: content}) for content in contents]
    entries = [table(builder, {0: name}, {1: k}) for k, name in enumerate(names)]
    kinds = [table(builder, {1: names[0]}) for _ in range(codes)]
    lists = {
        number: vector(builder, items) for number, items in ((1, kinds), (4, buffers), (6, entries))
    }
    builder.Finish(table(builder, lists), file_identifier=b"TFL3")
    return bytes(builder.Output())


def table(
    builder: flatbuffers.Builder, offsets: dict[int, int], numbers: dict[int, int] | None = None
) -> int:
    builder.StartObject(8)
    for field, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, number in (numbers or {}).items():
        builder.PrependUint32Slot(field, number, 0)
    return int(builder.EndObject())


def vector(builder: flatbuffers.Builder, items: list[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())


def seconds(action: Callable[[], object], error: type[Exception] | None = None) -> float:
    begin_s = perf_counter()
    if error is None:
        action()
    else:
        with pytest.raises(error):
            action()
    return perf_counter() - begin_s


def test_many_names_that_are_one_long_string_are_read_soon() -> None:
    shared: list[tuple[str | int, bytes]] = [("x" * 500_000, b"")]
    shared += [(0, b"")] * 20_000
    model = model_of(shared)
    assert seconds(lambda: read_contract(model), ContractError) < SOON_S


def test_many_operator_names_that_are_one_long_string_are_refused_soon() -> None:
    model = model_of([("x" * 500_000, b"")], codes=20_000)
    assert seconds(lambda: read_model_traits(model), ModelFileError) < SOON_S


def test_a_long_contract_is_refused_before_it_is_parsed() -> None:
    model = model_of([(METADATA_NAME, b"[" + b"[]," * 5_000_000 + b"[]]")])
    assert seconds(lambda: read_contract(model), ModelFileError) < SOON_S


def test_the_entry_is_found_among_others() -> None:
    model = model_of([("TFL_DEPTHS", b"no"), ("TFL_DEPT", b"no"), (METADATA_NAME, b"yes")])
    start, length = find_metadata(model, METADATA_NAME) or (0, 0)
    assert model[start : start + length] == b"yes"


def test_nothing_is_parsed_before_the_signature(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> NoReturn:
        pytest.fail("the contract of a file that nobody signed was parsed")

    monkeypatch.setattr(Contract, "from_json", fail)
    with pytest.raises(SignatureError, match="not signed"):
        DepthRunner(net, public_key=PUBLIC)


def test_damaged_contract_of_a_signed_file_is_refused() -> None:
    """Whose digest and signature cannot even be found."""
    model = model_of([(METADATA_NAME, b'{"sha256":"' + BLANK_SHA256.encode() + b'"}')])
    with pytest.raises(SignatureError):
        DepthRunner(model, public_key=PUBLIC)


TOOLS: dict[str, tuple[Callable[[list[str]], int], list[str]]] = {
    "infer": (infer.main, ["{photo}", "--output", "{folder}"]),
    "prove": (prove.main, []),
    "benchmark": (benchmark.main, []),
    "view": (view.main, ["{photo}"]),
    "evaluate": (evaluate.main, ["--dataset", "nyuv2", "--data", "{data}"]),
}


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_with_a_public_key_takes_signed_models_only(
    name: str, net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "view":
        pytest.importorskip("werkzeug")
    data = write_dataset(tmp_path / "data", {"val": 1})
    key = tmp_path / "public.pem"
    key.write_bytes(PUBLIC)
    main, arguments = TOOLS[name]
    places = {"photo": data / "rgb" / "val0.jpg", "folder": tmp_path / "depth", "data": data}
    given = [argument.format_map(places) for argument in arguments]
    assert main([str(net), *given, "--public-key", str(key)]) == 1
    assert "not signed" in capsys.readouterr().err
