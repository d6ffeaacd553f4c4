"""Signatures of models, for files that a board downloads: Ed25519 (RFC 8032).

The signature of 64 bytes is 128 digits in the contract: a file is as long after signing as before.
It covers the whole file except the digits of the signature and of the digest (docs/signing.md).
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tfl_depth.errors import ContractError, SignatureError
from tfl_depth.format.contract import read_contract
from tfl_depth.format.contract_place import (
    BLANK_SIGNATURE,
    blanked_sha256,
    digest_place,
    signature_place,
    with_digest,
)

__all__ = ["Key", "check_signature", "new_key_pair", "sign"]

# With this prefix, a signature of other data by the same key is not valid for a model.
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
    """Sign a .tflite file. An older signature is replaced.

    Raises:
        SignatureError: the key is not an Ed25519 key.
        ModelFileError: the file is damaged.
        ContractError: it has no contract, or a wrong one.
    """
    read_contract(model)
    place = signature_place(model)
    digits = _private(_content(private_key)).sign(_message(model, place)).hex()
    return with_digest(model[: place.start] + digits.encode() + model[place.stop :])


def check_signature(model: bytes, public_key: Key) -> None:
    """Refuse a .tflite file with a correct digest unless the key's owner signed it.

    Raises:
        SignatureError: it is not signed, or with another key, or another file was signed; or the
            key is not an Ed25519 key.
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
            "The model's signature was made with another key or for another file: get the file "
            "again from the owner of the private key."
        ) from error


def _message(model: bytes, place: slice) -> bytes:
    """The signed message: its purpose, and the file without its digest and its signature."""
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
        f"Expected a {kind} Ed25519 key in PEM, not encrypted, got something else: tfl-depth "
        "sign --new-key makes a pair."
    )
