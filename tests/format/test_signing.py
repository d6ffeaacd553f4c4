"""Signed models: what the key's owner signed runs, and every other file is refused."""

from __future__ import annotations

import hashlib
import json
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support import ramp
from tfl_depth.format.contract import read_contract
from tfl_depth.format.contract_place import BLANK_SIGNATURE, find_contract, with_digest
from tfl_depth.format.signing import Key, check_signature, new_key_pair, sign
from tfl_depth.runtime import (
    ContractError,
    DelegateRequiredError,
    DepthRunner,
    ModelFileError,
    SignatureError,
)
from tfl_depth.tools import sign as tool

PRIVATE, PUBLIC = new_key_pair()
FIELD = b'"signature":"'


@pytest.fixture(scope="module")
def signed(net: Path) -> bytes:
    return sign(net.read_bytes(), PRIVATE)


def test_signed_model_runs_with_the_key_and_without(
    net: Path, signed: bytes, tmp_path: Path, photo: npt.NDArray[np.uint8]
) -> None:
    path = tmp_path / "public.pem"
    path.write_bytes(PUBLIC)
    with DepthRunner(net) as unsigned:
        expected = unsigned.infer(photo)
    keys: tuple[Key | None, ...] = (None, PUBLIC, path, str(path))
    for key in keys:
        with DepthRunner(signed, public_key=key) as opened:
            np.testing.assert_array_equal(opened.infer(photo), expected)
            assert len(list(opened.infer_batch([photo], workers=1))) == 1


def test_signing_changes_the_signature_and_the_digest_alone(net: Path, signed: bytes) -> None:
    unsigned = net.read_bytes()
    changed = np.flatnonzero(np.frombuffer(unsigned, np.uint8) != np.frombuffer(signed, np.uint8))
    places = [
        range(start, start + count)
        for start, count in (
            (unsigned.index(b'"sha256":"') + 10, 64),
            (unsigned.index(FIELD) + len(FIELD), 128),
        )
    ]
    assert all(any(place in each for each in places) for place in changed)
    assert read_contract(signed) == read_contract(unsigned)


def test_signature_is_what_the_document_says(signed: bytes) -> None:
    """Checked without the code that is tested."""
    found = find_contract(signed)
    assert found is not None
    blanked = bytearray(signed)
    for field, count in ((b'"sha256":"', 64), (FIELD, 128)):
        first = signed.index(field, found[0]) + len(field)
        digits = signed[first : first + count]
        blanked[first : first + count] = b"0" * count
    message = b"tfl-depth model, SHA-256 " + hashlib.sha256(blanked).hexdigest().encode()
    assert len(message) == 89
    key = pem.load_pem_public_key(PUBLIC)
    assert isinstance(key, Ed25519PublicKey)
    key.verify(bytes.fromhex(digits.decode()), message)
    with pytest.raises(InvalidSignature):
        key.verify(bytes.fromhex(digits.decode()), message + b"\n")


def test_signing_again_replaces_the_signature(net: Path, signed: bytes) -> None:
    other_private, other_public = new_key_pair()
    again = sign(signed, other_private)
    check_signature(again, other_public)
    # Ed25519 has no chance in it.
    assert sign(again, PRIVATE) == signed == sign(net.read_bytes(), PRIVATE)


# What is refused


def with_signature(model: bytes, digits: bytes) -> bytes:
    """With a digest that is right, as an attacker would write it."""
    first = model.index(FIELD) + len(FIELD)
    return with_digest(model[:first] + digits + model[first + 128 :])


def signature_of(model: bytes) -> bytes:
    first = model.index(FIELD) + len(FIELD)
    return model[first : first + 128]


def assert_refused(model: bytes, match: str, key: Key = PUBLIC) -> None:
    with pytest.raises(SignatureError, match=match):
        DepthRunner(model, public_key=key)


@pytest.mark.usefixtures("no_native_code")
def test_unsigned_model_is_refused(net: Path) -> None:
    assert_refused(net.read_bytes(), "not signed.*tfl-depth sign")


@pytest.mark.usefixtures("no_native_code")
def test_model_without_room_for_a_signature_is_refused(signed: bytes) -> None:
    without = with_digest(signed.replace(FIELD, b'"signaturf":"'))
    assert_refused(without, "not signed")
    with pytest.raises(ContractError, match="expected a field signature"):
        sign(without, PRIVATE)


@pytest.mark.usefixtures("no_native_code")
def test_stripped_signature_is_refused(signed: bytes) -> None:
    assert_refused(with_signature(signed, BLANK_SIGNATURE.encode()), "not signed")


@pytest.mark.usefixtures("no_native_code")
def test_another_key_is_refused(signed: bytes) -> None:
    assert_refused(signed, "made with another key", new_key_pair()[1])


@pytest.mark.usefixtures("no_native_code")
def test_signature_of_another_file_is_refused(signed: bytes, models: Path) -> None:
    other = sign((models / ramp.file_name(ramp.COMMON)).read_bytes(), PRIVATE)
    assert_refused(with_signature(signed, signature_of(other)), "for another file")


@pytest.mark.usefixtures("no_native_code")
@pytest.mark.parametrize("case", ["upper case", "spaces", "no digits", "cut"])
def test_signature_written_otherwise_is_refused(signed: bytes, case: str) -> None:
    digits = signature_of(signed)
    digits = {
        "upper case": digits.upper(),
        "spaces": b" " * 128,
        "no digits": b"\xff" * 128,
        "cut": digits[:126] + b'",',
    }[case]
    with pytest.raises((SignatureError, ContractError)):
        DepthRunner(with_signature(signed, digits), public_key=PUBLIC)


@pytest.mark.usefixtures("no_native_code")
def test_changed_contract_is_refused_though_its_digest_is_right(signed: bytes) -> None:
    edited = with_digest(signed.replace(b'"seed":2', b'"seed":3'))
    assert read_contract(edited)
    assert_refused(edited, "for another file")


@pytest.mark.usefixtures("no_native_code")
def test_any_bit_that_is_flipped_is_found_though_the_digest_is_right(signed: bytes) -> None:
    random = np.random.default_rng(9)
    positions = random.integers(0, len(signed), 300).tolist()
    first = signed.index(FIELD) + len(FIELD)
    positions += range(first, first + 128)
    for position in positions:
        flipped = bytearray(signed)
        flipped[position] ^= 1 << random.integers(8)
        try:
            attack = with_digest(bytes(flipped))
        except (ModelFileError, ContractError):
            continue  # there is no contract in it any more
        if attack != signed:  # where no digit of the digest was flipped
            with pytest.raises((ModelFileError, ContractError)):
                DepthRunner(attack, public_key=PUBLIC)


@pytest.mark.usefixtures("no_native_code")
def test_bit_flipped_in_the_signature_is_found_without_a_key(signed: bytes) -> None:
    first = signed.index(FIELD) + len(FIELD)
    for position in range(first, first + 128):
        flipped = bytearray(signed)
        flipped[position] ^= 1
        with pytest.raises(ModelFileError, match="SHA-256"):
            DepthRunner(bytes(flipped))


def test_compiled_model_is_signed_like_any(models: Path) -> None:
    signed = sign((models / "net-vela.tflite").read_bytes(), PRIVATE)
    # The key is right; what is missing is its NPU.
    with pytest.raises(DelegateRequiredError):
        DepthRunner(signed, public_key=PUBLIC)
    with pytest.raises(SignatureError):
        DepthRunner(signed, public_key=new_key_pair()[1])


# Keys


def other_kind() -> tuple[bytes, bytes]:
    key = generate_private_key(SECP256R1())
    return (
        key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()),
        key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo),
    )


def encrypted() -> bytes:
    key = pem.load_pem_private_key(PRIVATE, None)
    return key.private_bytes(
        pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"word")
    )


@pytest.mark.usefixtures("no_native_code")
@pytest.mark.parametrize(
    "key",
    [b"", b"no key", PRIVATE, other_kind()[1], PUBLIC[:60]],
    ids=["empty", "text", "private", "of another kind", "cut"],
)
def test_what_is_no_public_key_is_refused(signed: bytes, key: bytes) -> None:
    assert_refused(signed, "Expected a public Ed25519 key.*--new-key", key)


@pytest.mark.parametrize("key", [b"", PUBLIC, other_kind()[0], encrypted()])
def test_what_is_no_private_key_is_refused(net: Path, key: bytes) -> None:
    with pytest.raises(SignatureError, match=r"Expected a private Ed25519 key.*not encrypted"):
        sign(net.read_bytes(), key)


@pytest.mark.usefixtures("no_native_code")
def test_missing_key_is_refused_by_name(signed: bytes, tmp_path: Path) -> None:
    assert_refused(signed, r"absent\.pem: No such file", tmp_path / "absent.pem")


@pytest.mark.usefixtures("no_native_code")
def test_without_cryptography_it_says_what_to_install(
    signed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "tfl_depth.format.signing")
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert_refused(signed, r"pip install 'tfl-depth\[sign\]'")


# The tool


def test_tool_makes_keys_and_signs(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(net.read_bytes())
    assert tool.main(["--new-key", str(tmp_path / "release.2")]) == 0
    private, public = (tmp_path / f"release.2-{kind}.pem" for kind in ("private", "public"))
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert tool.main([str(model), "--key", str(private), "--output", str(tmp_path / "s")]) == 0
    assert model.read_bytes() == net.read_bytes()
    assert str(public) in capsys.readouterr().out
    assert tool.main([str(model), "--key", str(private), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"signed": str(model)}
    assert model.read_bytes() == (tmp_path / "s").read_bytes()
    check_signature(model.read_bytes(), public)


def test_tool_never_replaces_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a-public.pem").write_bytes(b"old")
    assert tool.main(["--new-key", str(tmp_path / "a")]) == 1
    assert "a-public.pem exists" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a-public.pem"]


@pytest.mark.parametrize(
    "arguments", [["m.tflite"], ["--key", "k"], ["m.tflite", "--new-key", "k"], []]
)
def test_tool_says_how_it_is_used(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        tool.main(arguments)
    assert stopped.value.code == 2


def test_tool_refuses_what_it_cannot_sign(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, damaged = tmp_path / "key.pem", tmp_path / "damaged.tflite"
    key.write_bytes(PRIVATE)
    damaged.write_bytes(net.read_bytes()[:-1])
    refused: dict[Path, Any] = {tmp_path / "absent.tflite": "no model", damaged: "damaged"}
    for model, said in refused.items():
        assert tool.main([str(model), "--key", str(key)]) == 1
        assert said in capsys.readouterr().err
    assert damaged.read_bytes() == net.read_bytes()[:-1]
