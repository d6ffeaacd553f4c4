"""Ten thousand damaged models: each is refused, with its reason, before native code sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfl_depth.contract import find_contract
from tfl_depth.runtime import ContractError, DepthRunner, ModelFileError

Mutation = Callable[[bytes, np.random.Generator], bytes]

HEADER_BYTES = 64
MOST_BYTES = 4096
EACH = 1430


def bits_flipped(content: bytes, random: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for position in random.choice(len(content), random.integers(1, 9), replace=False):
        damaged[position] ^= 1 << int(random.integers(8))
    return bytes(damaged)


def cut_short(content: bytes, random: np.random.Generator) -> bytes:
    return content[: random.integers(len(content))]


def piece(content: bytes, random: np.random.Generator) -> bytes:
    begin = int(random.integers(len(content) - MOST_BYTES))
    return content[begin : begin + int(random.integers(1, MOST_BYTES))]


def piece_put_in(content: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(len(content)))
    return content[:at] + piece(content, random) + content[at:]


def piece_taken_out(content: bytes, random: np.random.Generator) -> bytes:
    at = int(random.integers(len(content) - 1))
    return content[:at] + content[at + int(random.integers(1, MOST_BYTES)) :]


def piece_put_over(content: bytes, random: np.random.Generator) -> bytes:
    source = piece(content, random)
    at = int(random.integers(len(content) - len(source)))
    return content[:at] + source + content[at + len(source) :]


def header_changed(content: bytes, random: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    at = int(random.integers(HEADER_BYTES - 4))
    damaged[at : at + 4] = random.integers(0, 256, 4, np.uint8).tobytes()
    return bytes(damaged)


def contract_changed(content: bytes, random: np.random.Generator) -> bytes:
    """A digit of the contract becomes another: a scale, an edge of a span, the digest itself."""
    place = find_contract(content)
    assert place is not None
    begin, size = place
    digits = [k for k in range(begin, begin + size) if content[k : k + 1].isdigit()]
    damaged = bytearray(content)
    at = digits[int(random.integers(len(digits)))]
    damaged[at] = ord("0") + (damaged[at] - ord("0") + int(random.integers(1, 10))) % 10
    return bytes(damaged)


MUTATIONS: tuple[Mutation, ...] = (
    bits_flipped,
    cut_short,
    piece_put_in,
    piece_taken_out,
    piece_put_over,
    header_changed,
    contract_changed,
)


@pytest.mark.usefixtures("no_native_code")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_damaged_model_is_refused_before_native_code(net: Path, mutation: Mutation) -> None:
    content = net.read_bytes()
    random = np.random.default_rng(MUTATIONS.index(mutation))
    for _ in range(EACH):
        damaged = mutation(content, random)
        if damaged == content:
            continue
        with pytest.raises((ModelFileError, ContractError)):
            DepthRunner(damaged)
