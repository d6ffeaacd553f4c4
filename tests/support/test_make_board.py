"""The arm64 userland's maker: what it says, and leaves, where it cannot get one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.debian import KEYRING

ROOT = Path(__file__).resolve().parents[2]


def make_board(folder: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run it where `programs` is all that can be called."""
    return subprocess.run(
        [sys.executable, "-m", "tests.support.make_board", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_machine_without_apt_is_told_what_is_needed(tmp_path: Path) -> None:
    done = make_board(tmp_path / "board", tmp_path)
    assert done.returncode == 1
    assert done.stderr == "This needs apt-get and dpkg-deb of Debian, Ubuntu or the like.\n"


@pytest.mark.skipif(not KEYRING.is_file(), reason="Debian's keys are not installed")
def test_failed_download_says_why_and_leaves_the_old_folder(tmp_path: Path) -> None:
    programs, board = tmp_path / "bin", tmp_path / "board"
    programs.mkdir()
    board.mkdir()
    (board / "old").touch()
    program(programs, "dpkg", "echo amd64")
    program(programs, "dpkg-deb", "exit 0")
    program(programs, "apt-get", "echo 'E: no such\n  host' >&2; exit 100")
    done = make_board(board, programs)
    assert (done.returncode, done.stderr) == (1, "apt-get fails: E: no such host\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "board"]
    assert [path.name for path in board.iterdir()] == ["old"]
