"""Signatures of models, for files that arrive over the air: Ed25519 (RFC 8032).

The 64 bytes lie as 128 digits in the contract, so that a signed file is as long as it was. What
is signed says everything about the file but these digits and its digest's (docs/signing.md).
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tfl_depth.contract import read_contract
from tfl_depth.contract_place import (
    BLANK_SIGNATURE,
    blanked_sha256,
    digest_place,
    signature_place,
    with_digest,
)
from tfl_depth.errors import ContractError, SignatureError

__all__ = ["Key", "check_signature", "new_key_pair", "sign"]

# A signature of something else by the same key is none of a model.
PURPOSE = b"tfl-depth model, SHA-256 "

# A PEM file's path or its content.
Key = str | os.PathLike[str] | bytes


def new_key_pair() -> tuple[bytes, bytes]:
    """A private key (PKCS #8, not encrypted) and its public key, each as a PEM file's content."""
    private = Ed25519PrivateKey.generate()
    return (
        private.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()),
        private.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo),
    )


def sign(model: bytes, private_key: Key) -> bytes:
    """Sign a .tflite file, in place of a signature that is there.

    Raises:
        SignatureError: the key is none.
        ModelFileError: the file is damaged.
        ContractError: it has no contract, or a wrong one.
    """
    read_contract(model)
    place = signature_place(model)
    digits = _private(_content(private_key)).sign(_message(model, place)).hex()
    return with_digest(model[: place.start] + digits.encode() + model[place.stop :])


def check_signature(model: bytes, public_key: Key) -> None:
    """Refuse a .tflite file, whose digest is right, unless the key's owner signed it.

    Raises:
        SignatureError: nobody signed it, or somebody else or something else; or the key is none.
    """
    key = _public(_content(public_key))
    unsigned = "The model is not signed, and a public key was given: sign it with tfl-depth sign."
    try:
        place = signature_place(model)
    except ContractError as error:
        raise SignatureError(unsigned) from error
    digits = model[place].decode("latin-1")
    if digits == BLANK_SIGNATURE:
        raise SignatureError(unsigned)
    try:
        signature = bytes.fromhex(digits)
        key.verify(signature, _message(model, place))
        if signature.hex() != digits:
            raise ValueError("the digits are not written as `sign` writes them")
    except (InvalidSignature, ValueError) as error:
        raise SignatureError(
            "The model's signature is not by this key, or not of this file: get the file again "
            "from who holds the private key."
        ) from error


def _message(model: bytes, place: slice) -> bytes:
    """What is signed: the file without its digest and its signature, and what for."""
    return PURPOSE + blanked_sha256(model, digest_place(model), place).encode()


def _content(key: Key) -> bytes:
    if isinstance(key, bytes):
        return key
    try:
        return Path(key).read_bytes()
    except OSError as error:
        raise SignatureError(f"Cannot read the key {os.fspath(key)}: {error.strerror}.") from error
    except (TypeError, ValueError) as error:  # of another type, or with a zero byte
        raise SignatureError(f"Expected a key's path or content, got {key!r}: {error}.") from error


def _private(content: bytes) -> Ed25519PrivateKey:
    try:
        key = pem.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key("private") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key("private")
    return key


def _public(content: bytes) -> Ed25519PublicKey:
    try:
        key = pem.load_pem_public_key(content)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key("public") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key("public")
    return key


def _no_key(kind: str) -> SignatureError:
    return SignatureError(
        f"Expected a {kind} Ed25519 key in PEM, not encrypted, and got something else: tfl-depth "
        "sign --new-key makes a pair."
    )
