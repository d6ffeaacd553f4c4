"""Where the contract, its digest and its signature are in a .tflite file.

The contract is not parsed here.
"""

from __future__ import annotations

import hashlib

from tfl_depth.errors import ContractError, ModelFileError
from tfl_depth.format import flatbuffer_reader as tables

METADATA_NAME = "TFL_DEPTH"
# More than 127 spans of 256 samples each need.
MAX_BYTES = 2**20
# Takes the place of the digest while the digest is computed.
BLANK_SHA256 = "0" * 64
# Takes the place of the signature in a file that is not signed.
BLANK_SIGNATURE = "0" * 128
# Field numbers, for `flatbuffer_reader.read`.
_MODEL_OPERATOR_CODES, _MODEL_BUFFERS, _MODEL_METADATA = 1, 4, 6
_CODE_CUSTOM_NAME = 1
_METADATA_NAME, _METADATA_BUFFER = 0, 1
_BUFFER_DATA = 0


def with_digest(model: bytes) -> bytes:
    """Return a file that has a contract, with the correct digest."""
    place = digest_place(model)
    # Same length, so nothing moves.
    return model[: place.start] + blanked_sha256(model, place).encode() + model[place.stop :]


def digest_place(model: bytes) -> slice:
    """Find the 64 digits of the digest in the file.

    Raises:
        ContractError: there is no digest.
    """
    return _digits_place(model, "sha256", len(BLANK_SHA256))


def signature_place(model: bytes) -> slice:
    """Find the 128 digits of the signature in the file.

    Raises:
        ContractError: there is no signature field.
    """
    return _digits_place(model, "signature", len(BLANK_SIGNATURE))


def _digits_place(model: bytes, field: str, count: int) -> slice:
    """Find the digits after the first `"field":"` of the contract."""
    start, length = find_contract(model) or (0, 0)
    mark = f'"{field}":"'.encode()
    found = model.find(mark, start, start + length - count)
    first = found + len(mark)
    if found < 0:
        raise ContractError(f"The contract is wrong (no {field}): convert the network again.")
    return slice(first, first + count)


def blanked_sha256(model: bytes, *places: slice) -> str:
    """SHA-256 over the file with a 0 for each byte of these places, given in ascending order."""
    digest, rest = hashlib.sha256(), 0
    for place in places:
        digest.update(model[rest : place.start])
        digest.update(b"0" * (place.stop - place.start))
        rest = place.stop
    digest.update(model[rest:])
    return digest.hexdigest()


def find_contract(model: bytes) -> tuple[int, int] | None:
    """Offset and length of the contract's bytes in a .tflite file, or None without one.

    Raises:
        ModelFileError: not a TensorFlow Lite file, or a damaged one.
    """
    found = find_metadata(model, METADATA_NAME)
    if found is not None and found[1] > MAX_BYTES:
        raise ModelFileError(
            f"Expected a contract of at most {MAX_BYTES} bytes, got {found[1]}: the file is "
            "damaged or malicious."
        )
    return found


def find_metadata(model: bytes, name: str) -> tuple[int, int] | None:
    """Like `find_contract`, for any metadata entry."""
    return tables.read(model, lambda root: _find_metadata(root, name))


def find_compiled_operator(model: bytes) -> str | None:
    """The name of an operator that only NPU compilers write, or None if there is no such operator.

    Raises:
        ModelFileError: not a TensorFlow Lite file, or a damaged one.
    """
    return tables.read(model, _find_compiled_operator)


def _find_compiled_operator(root: tables.Table) -> str | None:
    codes = tables.children(root, _MODEL_OPERATOR_CODES)
    names = (tables.text(code, _CODE_CUSTOM_NAME) for code in codes)
    return next(filter(None, names), None)


def _find_metadata(root: tables.Table, name: str) -> tuple[int, int] | None:
    entries = tables.children(root, _MODEL_METADATA)
    entry = next((each for each in entries if tables.has_text(each, _METADATA_NAME, name)), None)
    if entry is None:
        return None
    index = tables.scalar(entry, _METADATA_BUFFER, "I")
    return tables.span(tables.child_at(root, _MODEL_BUFFERS, index), _BUFFER_DATA)
