"""The page's inputs, with numbers: those of the command and no others."""

from __future__ import annotations

import glob
import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfl_depth.errors import ImageError
from tfl_depth.runtime.inputs import Input, expand_input, is_video
from tfl_depth.runtime.live_source import shown


@dataclass(frozen=True)
class PageSource:
    """A photo, a video or a camera.

    Attributes:
        given: its path, the camera's number, or an address.
        root: the folder in which it was found and must be; None if the command names it directly.
    """

    given: Input
    root: Path | None = None

    @property
    def name(self) -> str:
        """Its name on the page."""
        if isinstance(self.given, int):
            return f"camera {self.given}"
        if isinstance(self.given, str):
            return shown(self.given)
        return str(self.given.relative_to(self.root) if self.root else self.given.name)

    @property
    def kind(self) -> str:
        """One of "photo", "video" and "camera"."""
        if not isinstance(self.given, Path):
            return "camera"
        return "video" if is_video(self.given) else "photo"

    def real(self) -> Input:
        """The file with links resolved, or the camera's number or address.

        Raises:
            ImageError: the file does not exist, or is a link to a place outside of `root`.
        """
        if not isinstance(self.given, Path):
            return self.given
        real = self.given.resolve()
        if self.root is not None and not real.is_relative_to(self.root.resolve()):
            raise ImageError(f"{self.name} is a link that leads out of its folder: it is not read.")
        if not real.is_file():
            raise ImageError(f"There is no file {self.given}.")
        return real


class Sources:
    """The inputs of the command. Folders and patterns are searched for each request."""

    def __init__(self, names: Sequence[str]) -> None:
        """Find the inputs.

        Raises:
            ImageError: a folder or pattern has no input, or a file is missing.
        """
        self._names = names
        self._lock = threading.Lock()
        self._found: list[PageSource] = []
        for source in (each for name in names for each in _sources(name)):
            if source.root is None:
                source.real()

    def now(self) -> list[tuple[int, PageSource]]:
        """The inputs that exist, with their permanent numbers."""
        with self._lock:
            there = list(dict.fromkeys(self._search()))
            numbers = {source: number for number, source in enumerate(self._found)}
            for source in there:
                if source not in numbers:
                    numbers[source] = len(self._found)
                    self._found.append(source)
            return [(numbers[source], source) for source in there]

    def numbered(self, number: int) -> PageSource | None:
        """The input with this number of `now`."""
        with self._lock:
            return self._found[number] if 0 <= number < len(self._found) else None

    def _search(self) -> Iterator[PageSource]:
        for name in self._names:
            try:
                yield from _sources(name)
            except ImageError:  # a folder that is empty now
                continue


def _sources(name: str) -> Iterator[PageSource]:
    root = _root(name)
    return (
        PageSource(each, root if isinstance(each, Path) else None) for each in expand_input(name)
    )


def _root(name: str) -> Path | None:
    """A folder, or the folder that a pattern searches; None for a file and a camera."""
    path = Path(name)
    if path.is_dir():
        return path
    if path.exists() or not glob.has_magic(name):
        return None
    plain = list(itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
    return Path(*plain)
