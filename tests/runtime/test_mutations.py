"""Ten thousand damaged models: each is refused, with its reason, before native code sees it.

And some whose digest is right, as somebody who means harm would write it: none ends the process.
The five thousand of each are tried with $TFL_DEPTH_FULL set.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support import mutants, ramp
from tests.support.length import length
from tfl_depth.format import flatbuffer_reader as tables
from tfl_depth.format.contract_place import find_contract, with_digest
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


# With a digest that is right

MUTANTS = length(250, 5000)


@pytest.mark.parametrize("file", ["net.tflite", ramp.file_name(ramp.COMMON)])
def test_a_mutant_whose_digest_is_right_is_served_or_refused(file: str, models: Path) -> None:
    found = mutants.outcomes(models / file, 0, MUTANTS)
    assert len(found) == MUTANTS
    bad = {number: said for number, said in found.items() if said.startswith(("raw", "ended"))}
    assert not bad
    served = sum(said == "served" for said in found.values())
    assert 0 < served < MUTANTS / 2


def test_tensors_that_come_out_with_another_shape_are_refused(net: Path) -> None:
    """The operators behind them were checked for the shape that the file declares."""
    content = bytearray(net.read_bytes())
    found = tables.read(bytes(content), lambda root: list(mutants.places(root)))
    strides = [at for at, _, name in found if name == "Options.1" and is_stride(content, found, at)]
    first = next(at for at in strides if content[at] == 2)
    content[first] = 1
    with pytest.raises(ModelFileError, match="is computed as"):
        DepthRunner(with_digest(bytes(content)))


WHILE, UNIQUE, STRING = 119, 103, 5
# A field of the schema, what somebody puts there, and what is said of it.
HARM: dict[str, tuple[str, float, str]] = {
    "scale of nan": ("Quantization.2", float("nan"), "a scale of"),
    "scale of infinity": ("Quantization.2", float("inf"), "a scale of"),
    "scale of 0": ("Quantization.2", 0, "a scale of"),
    "scale below 0": ("Quantization.2", -1, "a scale of"),
    "zero point outside of its type": ("Quantization.3", 300, "a zero point of"),
    "side of 0": ("Tensor.0", 0, "a tensor of shape"),
    "side below 0": ("Tensor.0", -1, "a tensor of shape"),
    "huge side": ("Tensor.0", 2**31 - 1, "a tensor of shape"),
    "texts": ("Tensor.1", STRING, "a tensor of type"),
    "absent buffer": ("Tensor.2", 10_000, "a tensor in buffer"),
    "absent input": ("Operator.1", 10_000, "inputs and outputs of"),
    "input below 0": ("Operator.1", -2, "inputs and outputs of"),
    "absent output": ("Operator.2", 10_000, "inputs and outputs of"),
    "absent output of the graph": ("Graph.2", 10_000, "outputs of a graph"),
    "absent input of the graph": ("Graph.1", -1, "inputs of a graph"),
    "absent operator": ("Operator.0", 500, "an operator of code"),
    "absent tensor of the signature": ("Map.1", 10_000, "a signature names"),
    "signature of a constant": ("Map.1", 1, "a signature names"),
    "no inputs": ("Graph.1.length", 0, "without inputs"),
    "no outputs": ("Graph.2.length", 0, "without outputs"),
    "stride of 0": ("Options.1", 0, "a stride"),
}


@pytest.mark.usefixtures("no_native_code")
@pytest.mark.parametrize("case", HARM)
def test_harm_is_refused_before_native_code_though_the_digest_is_right(
    case: str, net: Path
) -> None:
    field, value, said = HARM[case]
    content = net.read_bytes()
    found = tables.read(content, lambda root: list(mutants.places(root)))
    for at, kind, _ in [place for place in found if place.name == field]:
        changed = bytearray(content)
        struct.pack_into(f"<{kind}", changed, at, value if kind == "f" else int(value))
        if case == "stride of 0" and not is_stride(content, found, at):
            continue
        with pytest.raises(ModelFileError, match=said):
            DepthRunner(with_digest(bytes(changed)))


def is_stride(content: bytes | bytearray, found: list[mutants.Place], at: int) -> bool:
    """Whether the options at this place are a convolution's and not those of another operator."""
    kinds = [place for place in found if place.name == "Operator.3" and place.at < at]
    return any(content[place.at] == 1 for place in kinds[-1:])


@pytest.mark.usefixtures("no_native_code")
@pytest.mark.parametrize("code", [WHILE, UNIQUE])
def test_operators_that_no_converter_makes_are_refused(code: int, net: Path) -> None:
    content = bytearray(net.read_bytes())
    found = tables.read(bytes(content), lambda root: list(mutants.places(root)))
    for field in ("Code.0", "Code.3"):
        first = next((place for place in found if place.name == field), None)
        if first is not None:
            struct.pack_into(f"<{first.kind}", content, first.at, code)
    with pytest.raises(ModelFileError, match=f"operator {code}, which converters do not write"):
        DepthRunner(with_digest(bytes(content)))
