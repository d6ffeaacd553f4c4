"""Cache folders for compiled models: one folder for each model and each delegate.

The folder's name is a digest of the model's content, the library's content and the image's
os-release. It uses content, since reproducibly built images give all files the same date. It uses
os-release, since the compiler is also in other libraries and in the driver, which belong to the
image.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates.board import Board
from tfl_depth.runtime.delegates.spec import Cache

# 16 hexadecimal digits of a SHA-256 are unique among the models of a board.
_DIGITS = 16


def cache_options(
    cache: Cache, name: str, library: Path, model: bytes, board: Board
) -> dict[str, str]:
    """Create the model's cache folder; return the options that make a delegate use it.

    Raises:
        DelegateError: the folder cannot be created.
    """
    model_key = _digest(model)
    folder = (
        cache_home() / name / model_key / _digest(library.read_bytes(), board.software.encode())
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DelegateError(
            f"The cache folder {folder} cannot be created ({error.strerror}). Set XDG_CACHE_HOME "
            f"to a writable folder, or pass {cache.option!r} in `delegate_options`."
        ) from error
    place = folder if cache.file is None else folder / cache.file
    options = {cache.option: str(place)}
    return {**options, cache.model_key: model_key} if cache.model_key is not None else options


def cache_home() -> Path:
    """Return $XDG_CACHE_HOME/tfl-depth, or ~/.cache/tfl-depth if that is no absolute path.

    Raises:
        DelegateError: there is no such variable, and the user has no home folder.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        base = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:  # no HOME, and the user is not in the system's user list
        raise DelegateError(
            "The delegate's cache needs a folder, and this user has no home folder. Set "
            "XDG_CACHE_HOME to a writable folder."
        ) from error
    return base / "tfl-depth" / "delegates"


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:_DIGITS]
