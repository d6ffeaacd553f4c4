"""The contents on a board: files by the SHA-256 of what is in them.

Its text is sent to the board: see `on_board`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import zipfile
from typing import IO, Any

_PART = 2**20


def lacking(folder: str, wanted: list[str]) -> dict[str, Any]:
    """Which contents are missing, and the free space."""
    missing = [digest for digest in wanted if not _holds(folder, digest)]
    return {"missing": missing, "free_bytes": _free_bytes(folder)}


def _free_bytes(folder: str) -> int | None:
    while not os.path.isdir(folder) and folder not in ("", "/"):
        folder = os.path.dirname(folder)
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _content(folder: str, digest: str) -> str:
    return os.path.join(folder, "content", digest)


def _holds(folder: str, digest: str) -> bool:
    """Whether a content is there and complete."""
    try:
        with open(_content(folder, digest), "rb") as file:
            return _digest_of(file) == digest
    except OSError:
        return False


def _digest_of(file: IO[bytes]) -> str:
    made = hashlib.sha256()
    for part in iter(lambda: file.read(_PART), b""):
        made.update(part)
    return made.hexdigest()


def receive(folder: str, digest: str, size: int) -> dict[str, str]:
    """Store `size` bytes of standard input under their digest."""
    path = _content(folder, digest)
    part = f"{path}.{os.getpid()}"
    made = hashlib.sha256()
    left = size
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(part, "wb") as file:
            while left:
                content = sys.stdin.buffer.read(min(left, _PART))
                if not content:
                    return {"error": f"the content ended {left} bytes early", "errno": "EPIPE"}
                left -= len(content)
                made.update(content)
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if made.hexdigest() != digest:
            return {"error": "the content changed during the transfer", "errno": "EBADMSG"}
        os.replace(part, path)
    finally:
        # The other side sends everything, even after an error here.
        while left and sys.stdin.buffer.read(min(left, _PART)):
            left = max(0, left - _PART)
        if os.path.exists(part):
            os.unlink(part)
    return {}


def unpack(folder: str, digest: str) -> dict[str, str]:
    """Unpack an archive of Python packages once, and return the folder to import from."""
    target = os.path.join(folder, "runtime", digest)
    if not os.path.isdir(target):
        part = f"{target}.{os.getpid()}"
        try:
            with zipfile.ZipFile(_content(folder, digest)) as archive:
                archive.extractall(part)
            try:
                os.rename(part, target)
            except OSError:
                if not os.path.isdir(target):  # by another command at the same time
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return {"path": target}
