"""The record of finished inputs in an output folder: what each file was made from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from tfl_depth.files import write_whole
from tfl_depth.runtime.closeable import Closeable

RECORD = ".tfl-depth.json"
VERSION = 1
# Seconds between writes of the record, and more if writing is slow. A killed run repeats the work
# since the last write.
EVERY_S, EVERY_TIMES = 2.0, 20.0


class Finished(Closeable):
    """The record of finished inputs in a folder. A context manager that writes it.

    An input is finished if its outputs were made from the same file (path and content), model and
    options, and have not changed since. A lost or damaged record, or one of another version, counts
    as empty.
    """

    def __init__(self, folder: Path, made_by: Mapping[str, Any]) -> None:
        """Read the record.

        Args:
            folder: of the outputs.
            made_by: the model's digest and the options, for JSON.
        """
        self._file = folder / RECORD
        text = json.dumps(made_by, sort_keys=True)
        self._made_by = hashlib.sha256(text.encode()).hexdigest()
        self._outputs = _read(self._file)
        self._unsaved = False
        self._saved_s, self._save_took_s = monotonic(), 0.0

    def has(self, source: Path, stem: str, files: Sequence[Path]) -> bool:
        """Whether these files, whose names begin with `stem`, were made from a source."""
        entry = self._outputs.get(stem, {})
        return (
            entry.get("made_by") == self._made_by
            and entry.get("source") == os.path.abspath(source)  # noqa: PTH100 - links stay
            and entry.get("files") == {file.name: _state(file) for file in files}
            and _is_same(source, entry)
        )

    def add(self, source: Path, stem: str, files: Sequence[Path]) -> None:
        """Record that these files were made from a source."""
        self._outputs[stem] = {
            "source": os.path.abspath(source),  # noqa: PTH100
            "source_state": _source_state(source),
            "sha256": _digest(source),
            "made_by": self._made_by,
            "files": {file.name: _state(file) for file in files},
        }
        self._unsaved = True
        if monotonic() - self._saved_s > max(EVERY_S, EVERY_TIMES * self._save_took_s):
            self._close()

    def _close(self) -> None:
        """Write the record if it has changed."""
        if not self._unsaved:
            return
        begin_s = monotonic()
        text = json.dumps({"version": VERSION, "outputs": self._outputs}, indent=0)
        write_whole(self._file, text.encode())
        self._unsaved, self._saved_s = False, monotonic()
        self._save_took_s = self._saved_s - begin_s


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        record = json.loads(file.read_bytes())
        outputs = record["outputs"] if record["version"] == VERSION else {}
        return {stem: dict(entry) for stem, entry in outputs.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _state(file: Path) -> list[int] | None:
    """Facts that change with a file's content; the file is not read."""
    return _stat(file, "st_size", "st_mtime_ns")


def _source_state(file: Path) -> list[int] | None:
    """The same with the time of the last change of status, which programs cannot set."""
    return _stat(file, "st_size", "st_mtime_ns", "st_ctime_ns")


def _stat(file: Path, *fields: str) -> list[int] | None:
    """Facts of the file system about a file; None without the file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return [getattr(found, field) for field in fields]


def _is_same(source: Path, entry: Mapping[str, Any]) -> bool:
    """Whether a source has the same content as before. Its date may differ."""
    state = _source_state(source)
    return state is not None and (
        entry.get("source_state") == state or entry.get("sha256") == _digest(source)
    )


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        digest = hashlib.sha256()
        while block := content.read(2**20):
            digest.update(block)
    return digest.hexdigest()
