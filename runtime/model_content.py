"""Reading of a model's bytes, with a check of its signature if required."""

from __future__ import annotations

import os

from tfl_depth.errors import ModelFileError, SignatureError
from tfl_depth.format.contract import read_contract
from tfl_depth.zoo_folder import expect_made, named_model

ModelSource = str | os.PathLike[str] | bytes


def read_model_content(
    model: ModelSource, public_key: str | os.PathLike[str] | bytes | None
) -> bytes:
    """Read the bytes of a model.

    Args:
        model: path of the .tflite file, the name of a network of the zoo, or its bytes.
        public_key: the model must be signed with its private key; None for any model.

    Raises:
        ModelFileError: the file cannot be read.
        SignatureError: the signature is missing or wrong, or cannot be checked.
        ContractError: with `public_key`, its contract is damaged.
    """
    content = model if isinstance(model, bytes) else _read(model)
    if public_key is not None:
        # First: an unsigned file is not parsed any further.
        _check_signature(content, public_key)
        read_contract(content)
    return content


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        file = named_model(path)
        expect_made(file)
        return file.read_bytes()
    except OSError as error:
        raise ModelFileError(f"Cannot read the model {path}: {error.strerror}.") from error
    except (TypeError, ValueError) as error:  # another type, or a path with a zero byte
        raise ModelFileError(f"Expected a model's path or bytes, got {path!r}: {error}.") from error


def _check_signature(model: bytes, public_key: str | os.PathLike[str] | bytes) -> None:
    try:
        from tfl_depth.format.signing import check_signature
    except ModuleNotFoundError as error:
        raise SignatureError(
            "A signature can only be checked with the package cryptography: pip install "
            "'tfl-depth[sign]'."
        ) from error
    check_signature(model, public_key)
