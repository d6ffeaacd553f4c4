"""A board on the loopback, which this machine's own Python stands for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ssh_board import SshBoard, ssh_board
from tfl_depth.boards import BoardEntry, add_board


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home folder of the user of this machine, with keys and list of boards of its own."""
    path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(path))
        patch.delenv("XDG_CONFIG_HOME", raising=False)
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        yield path


@pytest.fixture(scope="module")
def board_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the board's user."""
    return tmp_path_factory.mktemp("board")


@pytest.fixture(scope="module")
def server(home: Path, board_home: Path) -> Iterator[SshBoard]:
    # Of a board, not of tests.
    usual = {"PYTHONWARNINGS": "", "PYTHONDONTWRITEBYTECODE": ""}
    with ssh_board(home, {"HOME": str(board_home), **usual}) as board:
        yield board


@pytest.fixture(scope="module")
def entry(server: SshBoard) -> BoardEntry:
    """The board's entry, which is in the list as "bench"."""
    address = f"ssh://{os.environ.get('USER', 'root')}@127.0.0.1:{server.port}"
    made = BoardEntry("bench", address, python=sys.executable)
    add_board(made)
    return made
