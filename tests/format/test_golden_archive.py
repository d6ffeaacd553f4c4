"""Golden vectors that ask for more than their model has: refused before they are decoded."""

from __future__ import annotations

import io
import resource
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfl_depth.errors import ContractError
from tfl_depth.format import golden as golden_module
from tfl_depth.format.contract import read_contract
from tfl_depth.format.contract_parts import GoldenSpread
from tfl_depth.format.golden import Golden, read_golden

SIZE = (4, 4)
WHOLE = Golden(np.zeros((1, *SIZE, 3), np.uint8), np.zeros((1, *SIZE), np.uint16))
LIMIT_BYTES = 2**30


def file_of(name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(WHOLE.to_zip())) as archive:
        return archive.read(name)


def archive(method: int = zipfile.ZIP_DEFLATED, **changed: bytes) -> bytes:
    """The whole archive with the content of `png` or `npy` changed, or with `sha256` added."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as made:
        for ending in dict.fromkeys(("png", "npy", *changed)):
            made.writestr(f"0.{ending}", changed.get(ending) or file_of(f"0.{ending}"))
    return packed.getvalue()


def png_of(width: int, height: int, bits: int = 8) -> bytes:
    """A PNG whose header, with a right checksum, declares another size."""
    content = bytearray(file_of("0.png"))
    struct.pack_into(">IIB", content, 16, width, height, bits)
    struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
    return bytes(content)


def npy_of(shape: tuple[int, ...], descr: str, *, by_columns: bool = False) -> bytes:
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": by_columns, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + bytes(32)


HARM: dict[str, bytes] = {
    "huge picture": archive(png=png_of(30_000, 30_000)),
    "picture of another size": archive(png=png_of(5, 4)),
    "picture of 16 bits": archive(png=png_of(4, 4, 16)),
    "unpacks to a gigabyte": archive(npy=file_of("0.npy") + bytes(2**27)),
    "10^12 items": archive(npy=npy_of((10**6, 10**6), "<u2")),
    "more than the network gives": archive(npy=npy_of((9, 4), "<u2")),
    "below 0": archive(npy=npy_of((-4, -4), "<u2")),
    "texts": archive(npy=npy_of((4, 4), "<U1")),
    "objects": archive(npy=npy_of((4, 4), "|O")),
    "floats": archive(npy=npy_of((4, 2), "<f4")),
    "one dimension": archive(npy=npy_of((16,), "<u2")),
    "by columns": archive(npy=npy_of((4, 4), "<u2", by_columns=True)),
    "too long": archive(npy=file_of("0.npy") + b"0"),
    "a deep header": archive(npy=b"\x93NUMPY\x01\x00\xd0\x07" + b"(" * 2000),
    "a short digest": archive(sha256=b"0" * 63),
    "a digest in other digits": archive(sha256=b"G" * 64),
    "a long digest": archive(sha256=b"0" * 2**20),
    "another way of packing": archive(zipfile.ZIP_LZMA),
    "encrypted": archive().replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    ),
}


@pytest.fixture
def little_memory() -> Any:
    """A gigabyte more than this process has now."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * resource.getpagesize() + LIMIT_BYTES, before[1])
    )
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("case", HARM)
def test_what_asks_for_more_than_the_contract_says_is_refused(case: str) -> None:
    with pytest.raises(ContractError, match="golden vectors are damaged"):
        Golden.from_zip(HARM[case], 1, SIZE)


def test_the_whole_archive_is_taken() -> None:
    np.testing.assert_array_equal(Golden.from_zip(archive(), 1, SIZE).rgb, WHOLE.rgb)


def test_digests_are_there_for_all_images_or_for_none() -> None:
    digest = "0123456789abcdef" * 4
    whole = Golden(WHOLE.rgb, WHOLE.depth_mm, (digest,))
    assert Golden.from_zip(whole.to_zip(), 1, SIZE).digests == (digest,)
    rgb, depth_mm = (np.concatenate([each, each]) for each in (WHOLE.rgb, WHOLE.depth_mm))
    two = Golden(rgb, depth_mm, (digest,))
    with pytest.raises(ContractError, match="golden vectors are damaged"):
        Golden.from_zip(two.to_zip(), 2, SIZE)


@pytest.mark.parametrize(
    ("spread", "said"),
    [
        ({"median_mm": float("inf")}, "finite"),
        ({"max_mm": float("nan")}, "finite"),
        ({"p95_mm": -1.0}, "finite"),
        ({"images": 10**9}, "1 to 16"),
        ({"images": 0}, "1 to 16"),
    ],
)
def test_a_spread_that_proves_nothing_is_refused(
    spread: dict[str, Any], said: str, net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = net.read_bytes()
    contract = read_contract(model)
    assert isinstance(contract.golden, GoldenSpread)
    changed = replace(contract, golden=replace(contract.golden, **spread))
    monkeypatch.setattr(golden_module.Golden, "from_zip", lambda *_: pytest.fail("it was read"))
    with pytest.raises(ContractError, match=said):
        read_golden(model, changed)
