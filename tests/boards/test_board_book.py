"""The list of boards, and their addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfl_depth.boards import BoardEntry, find_board
from tfl_depth.boards.address import AdbAddress, SshAddress, parse_address
from tfl_depth.boards.board_book import book_path
from tfl_depth.errors import BoardError
from tfl_depth.tools.board import main


@pytest.fixture(autouse=True)
def own_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://root@board.local", SshAddress("board.local", "root")),
        ("ssh://Bench", SshAddress("Bench")),
        ("ssh://me@[fe80::1]:2222/", SshAddress("fe80::1", "me", 2222)),
        ("adb:0123456789ABCDEF", AdbAddress("0123456789ABCDEF")),
        ("adb:192.168.1.7:5555", AdbAddress("192.168.1.7:5555")),
    ],
)
def test_an_address_is_read(text: str, address: object) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        *("board.local", "ssh://", "ssh://a b:x", "ssh://h:99999", "ssh://root:word@h", "adb:"),
        *("adb:one two", "http://h", "ssh://h/folder", "ssh://-oProxyCommand=x", "ssh://h h"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BoardError, match="Expected an address"):
        parse_address(text)


def test_boards_are_added_listed_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["add", "bench", "ssh://root@board.local", "--folder", "/data/x"]) == 0
    assert main(["add", "phone", "adb:ABC"]) == 0
    capsys.readouterr()
    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["address"]) for each in listed] == [
        ("bench", "ssh://root@board.local"),
        ("phone", "adb:ABC"),
    ]
    assert find_board("bench") == BoardEntry("bench", "ssh://root@board.local", folder="/data/x")
    assert main(["remove", "bench"]) == 0
    assert main(["remove", "bench"]) == 1
    assert "There is no board 'bench' (known: phone)" in capsys.readouterr().err


def test_a_board_is_not_replaced_by_chance(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["add", "bench", "ssh://one"]) == 0
    assert main(["add", "bench", "ssh://two"]) == 1
    assert "There is a board bench already, at ssh://one" in capsys.readouterr().err
    assert main(["add", "bench", "ssh://two", "--overwrite"]) == 0
    assert find_board("bench").address == "ssh://two"


def test_a_damaged_list_is_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    book_path().parent.mkdir()
    book_path().write_text('{"bench": {"adress": "ssh://one"}}')
    assert main(["add", "other", "ssh://two"]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert "adress" in book_path().read_text()
