"""The files in a folder or in a list: one rule for all tools.

A folder means its files with some suffixes, sorted by name. Symbolic links to files and folders are
followed. Hidden files and folders (".NAME") are skipped. A list is a text in UTF-8, with or without
a byte order mark, with one file per line. Names may have spaces and "#".
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator
from pathlib import Path


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files of a folder itself, sorted.

    Args:
        folder: the folder.
        suffixes: in lower case, such as ".jpg".

    Raises:
        OSError: it cannot be read.
    """
    with os.scandir(folder) as entries:
        names = [each.name for each in entries if _counts(each.name, suffixes) and each.is_file()]
    return [folder / name for name in sorted(names)]


def files_below(folder: Path, suffixes: Collection[str] | None = None) -> list[Path]:
    """The files of a folder and its subfolders, sorted; with any suffix for None."""
    return sorted(
        Path(place, name)
        for place, names in _places(folder)
        for name in names
        if not name.startswith(".") and (suffixes is None or _counts(name, suffixes))
        if os.path.isfile(os.path.join(place, name))  # noqa: PTH113, PTH118 - no broken link
    )


def read_lines(path: Path) -> list[str]:
    """The lines of a list that are not empty.

    Raises:
        OSError: it cannot be read.
    """
    # Names of files may not be UTF-8, although the list is.
    text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    if "\0" in text:
        raise OSError(errno.EINVAL, "it is not a text in UTF-8", str(path))
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line]


def _counts(name: str, suffixes: Collection[str]) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes  # noqa: PTH122 - of many


def _places(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder once, even if links form a cycle."""
    seen: set[tuple[int, int]] = set()
    for place, below, names in os.walk(folder, followlinks=True):
        found = os.stat(place)  # noqa: PTH116
        if (found.st_dev, found.st_ino) in seen:
            below.clear()
            continue
        seen.add((found.st_dev, found.st_ino))
        below[:] = [each for each in below if not each.startswith(".")]
        yield place, names
