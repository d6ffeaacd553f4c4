"""The user's list of boards: the file $XDG_CONFIG_HOME/tfl-depth/boards.json."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfl_depth.boards.address import parse_address
from tfl_depth.errors import BoardError
from tfl_depth.files import write_whole

DEFAULT_PYTHON, DEFAULT_FOLDER = "python3", "~/.cache/tfl-depth"
_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class BoardEntry:
    """One board of the file.

    Attributes:
        name: its name in commands.
        address: ssh://user@host or adb:SERIAL.
        python: the board's Python, a name or a path on the board.
        folder: the folder for files on the board; ~ is the home of its user.
        host_key: the SSH key of the host, in OpenSSH's format; None for those of
            the user's known_hosts.
    """

    name: str
    address: str
    python: str = DEFAULT_PYTHON
    folder: str = DEFAULT_FOLDER
    host_key: str | None = None


def book_path() -> Path:
    """The path of the file."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base, "tfl-depth", "boards.json")


def read_boards() -> dict[str, BoardEntry]:
    """All boards, by name.

    Raises:
        BoardError: the file cannot be read, or is damaged.
    """
    path = book_path()
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeError) as error:
        raise BoardError(f"Cannot read the list of boards {path}: {error}.") from error
    try:
        return {name: BoardEntry(name, **fields) for name, fields in json.loads(content).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise BoardError(
            f"The list of boards {path} is damaged ({error}): correct it, or delete it and add the "
            "boards again."
        ) from error


def find_board(name: str) -> BoardEntry:
    """Return the board with a name.

    Raises:
        BoardError: there is no such board.
    """
    boards = read_boards()
    if name not in boards:
        known = ", ".join(boards) or "none"
        raise BoardError(
            f"There is no board {name!r} (known: {known}): tfl-depth board add {name} ADDRESS."
        )
    return boards[name]


def add_board(entry: BoardEntry, *, overwrite: bool = False) -> None:
    """Add a board to the file.

    Raises:
        BoardError: its name or its address is not valid, or the name is used already.
    """
    if not _NAME.fullmatch(entry.name):
        raise BoardError(f"Expected a name of letters, digits, - and _, got {entry.name!r}.")
    parse_address(entry.address)
    boards = read_boards()
    if entry.name in boards and not overwrite:
        raise BoardError(
            f"There is a board {entry.name} already, at {boards[entry.name].address}: pass "
            "--overwrite, or choose another name."
        )
    _write({**boards, entry.name: entry})


def remove_board(name: str) -> BoardEntry:
    """Remove a board from the file. Nothing changes on the board.

    Raises:
        BoardError: there is no such board.
    """
    entry = find_board(name)
    _write({key: each for key, each in read_boards().items() if key != name})
    return entry


def _write(boards: Mapping[str, BoardEntry]) -> None:
    path = book_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BoardError(f"Cannot make the folder {path.parent}: {error.strerror}.") from error
    content = {name: _fields(entry) for name, entry in boards.items()}
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def _fields(entry: BoardEntry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if name != "name"}
