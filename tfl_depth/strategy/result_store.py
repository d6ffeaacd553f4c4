"""A folder with stored results, so that an interrupted study can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tfl_depth.errors import DatasetError
from tfl_depth.files import write_whole
from tfl_depth.strategy.results import from_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    _T = TypeVar("_T", bound=DataclassInstance)
else:
    _T = TypeVar("_T")


class ResultStore:
    """Stores dataclasses as JSON files, each with its request."""

    def __init__(self, folder: Path) -> None:
        """Take the folder for the files. It is created when the first one is written."""
        self.folder = folder

    def once(self, name: str, kind: type[_T], asked: str, make: Callable[[], _T]) -> _T:
        """Return the stored result of the same request, or a new result.

        Args:
            name: of the result, in this folder.
            kind: its dataclass.
            asked: the request: everything that the result depends on.
            make: measures it.
        """
        kept = self.kept(name, kind, asked)
        return self.keep(name, asked, make()) if kept is None else kept

    def keep(self, name: str, asked: str, found: _T) -> _T:
        """Store a result and return it; arguments as of `once`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {"asked": asked, "found": asdict(found)}
        write_whole(self._path(name), json.dumps(content).encode())
        return found

    def kept(self, name: str, kind: type[_T], asked: str) -> _T | None:
        """The stored result of the same request, or None; arguments as of `once`."""
        path = self._path(name)
        if not path.exists():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["asked"] != asked:
            return None
        try:
            return from_json(kind, json.dumps(content["found"]))
        except DatasetError:
            # An older version stored it in another format.
            return None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name.replace('/', ' ')}.json"
