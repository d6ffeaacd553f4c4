"""Where delegates keep what they have compiled: one folder for each model and each delegate.

The folder's name is made of the model's content, of the library's content and of the image's
os-release. Content and not date and size, since images that are built reproducibly give every file
one date; os-release because the compiler lies in further libraries and in the driver, which come
with the image.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates.board import Board
from tfl_depth.runtime.delegates.spec import Cache

# Of a SHA-256: 16 hexadecimal digits tell any number of models apart that a board will ever see.
_DIGITS = 16


def cache_options(
    cache: Cache, name: str, library: Path, model: bytes, board: Board
) -> dict[str, str]:
    """The options that make a delegate keep its work in the user's cache folder, which is made.

    Raises:
        DelegateError: the folder cannot be made.
    """
    model_key = _digest(model)
    folder = (
        cache_home() / name / model_key / _digest(library.read_bytes(), board.software.encode())
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DelegateError(
            f"The cache {folder} cannot be made ({error.strerror}): set XDG_CACHE_HOME to a folder "
            f"that can be written, or give {cache.option!r} in `delegate_options`."
        ) from error
    place = folder if cache.file is None else folder / cache.file
    options = {cache.option: str(place)}
    return {**options, cache.model_key: model_key} if cache.model_key is not None else options


def cache_home() -> Path:
    """$XDG_CACHE_HOME/tfl-depth; ~/.cache/tfl-depth where that is not set to a whole path.

    Raises:
        DelegateError: nor has the user a home.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        base = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:  # no HOME, and the user is not in the system's list
        raise DelegateError(
            "The delegate's cache has no place, since this user has no home folder: set "
            "XDG_CACHE_HOME to a folder that can be written."
        ) from error
    return base / "tfl-depth" / "delegates"


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:_DIGITS]
