"""A board by ADB, against a stand-in for the adb server that speaks its protocol."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.adb_stand_in import SERIAL, AdbStandIn, adb_stand_in
from tfl_depth.boards import BoardEntry, RemoteBoard, lost_link
from tfl_depth.boards.open_connection import open_connection
from tfl_depth.errors import BoardError


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AdbStandIn]:
    with adb_stand_in() as made:
        monkeypatch.setenv("ANDROID_ADB_SERVER_HOST", "127.0.0.1")
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(made.port))
        yield made


@pytest.fixture
def entry(server: AdbStandIn, tmp_path: Path) -> BoardEntry:
    return BoardEntry("phone", f"adb:{SERIAL}", python=sys.executable, folder=str(tmp_path / "b"))


def test_a_board_by_adb_proves_a_model(models: Path, entry: BoardEntry) -> None:
    with RemoteBoard(entry) as board:
        run = board.run_tool("prove", [models / "net.tflite"])
    assert run.status == 0, run.errors
    assert run.result is not None
    assert run.result["verdict"] == "right"


def test_a_command_has_its_input_output_errors_and_status(entry: BoardEntry) -> None:
    connection = open_connection(entry)
    content = bytes(range(256)) * 2000
    done = connection.run("cat; echo trouble >&2; exit 7", content, limit_s=60)
    assert (done.status, done.output, done.errors) == (7, content, "trouble\n")
    with pytest.raises(TimeoutError):
        connection.run("sleep 5", limit_s=0.3)
    connection.close()


def test_a_cable_that_is_pulled_is_a_lost_link(
    models: Path, entry: BoardEntry, server: AdbStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_link, "RECONNECT_LIMIT_S", 0.1)
    with RemoteBoard(entry) as board:
        server.unplug = "stage"
        with pytest.raises(BoardError, match="The link to phone was lost while it took the files"):
            board.run_tool("prove", [models / "net.tflite"])


# adbutils leaves the socket of a refusal to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_device_that_is_not_there_is_said(entry: BoardEntry, server: AdbStandIn) -> None:
    with pytest.raises(BoardError, match=r"ADB does not reach OTHER .*not found"):
        open_connection(BoardEntry("other", "adb:OTHER"))
    server.features = "cmd"
    with pytest.raises(BoardError, match="too old"):
        open_connection(entry)
