"""The commands on a board: they find there what they find here, and bring it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.photos import write_photos
from tests.support.ssh_board import SshBoard
from tfl_depth.boards import BoardEntry, RemoteBoard
from tfl_depth.tools import benchmark, doctor, infer, placement, prove

CPU = ("--board", "bench", "--delegate", "cpu")


@pytest.fixture
def net(models: Path, entry: BoardEntry) -> Path:
    return models / "net.tflite"


def printed(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capfd.readouterr().out))


def test_a_board_proves_as_this_machine_and_is_sent_nothing_twice(
    net: Path, tmp_path: Path, board_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    there = (*CPU, "--report", str(page), "--output", str(tmp_path / "there"), "--json")
    assert prove.main([str(net), *there]) == 0
    report = printed(capfd)
    assert prove.main([str(net), "--output", str(tmp_path / "here"), "--json"]) == 0
    here = printed(capfd)
    assert report["millimeters"]["verdict"] == "right"
    for name in ("median_mm", "p95_mm", "max_mm", "worst_pixel", "placement"):
        assert report["result"][name] == here[name]
    for file in (tmp_path / "here").iterdir():
        assert (tmp_path / "there" / file.name).read_bytes() == file.read_bytes()
    assert report["sent_bytes"] > net.stat().st_size
    assert report["time_ms"]["steady"] > 0
    assert json.loads(page.with_suffix(".json").read_text()) == report
    assert "<td>right</td>" in page.read_text()
    # What ran is what was sent, not what is installed here.
    assert list(board_home.glob(".cache/tfl-depth/runtime/*/tfl_depth/runtime/__pycache__/*.pyc"))
    assert not list(board_home.glob(".cache/tfl-depth/jobs/*"))

    assert prove.main([str(net), *CPU, "--json"]) == 0
    assert printed(capfd)["sent_bytes"] == 0


def test_a_content_that_was_damaged_on_the_board_is_sent_again(
    net: Path, entry: BoardEntry, board_home: Path
) -> None:
    with RemoteBoard(entry) as board:
        board.run_tool("inspect", ["--help"])
        first = board.sent_bytes
        for each in board_home.glob(".cache/tfl-depth/content/*"):
            each.write_bytes(each.read_bytes()[:-1])
        board.run_tool("inspect", ["--help"])
        assert board.sent_bytes > first


def test_code_of_the_boards_home_is_not_run(entry: BoardEntry, board_home: Path) -> None:
    traps = [board_home / f"{name}.py" for name in ("json", "platform", "numpy", "tarfile")]
    for trap in traps:
        trap.write_text("raise SystemExit('code of the folder has run')")
    try:
        with RemoteBoard(entry) as board:
            assert board.lacks() == []
            assert board.run_tool("inspect", ["--help"]).status == 0
    finally:
        for trap in traps:
            trap.unlink()


def test_photos_come_back_as_depth(
    net: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    write_photos(photos)
    names = sorted(path.stem for path in photos.iterdir())
    out = tmp_path / "depth"
    call = [str(net), str(photos), "--save", "depth", "--output"]
    assert infer.main([*call, str(out), *CPU, "--json"]) == 0
    report = printed(capfd)
    assert infer.main([*call, str(tmp_path / "here")]) == 0
    for name in names:
        depth, own = (
            cv2.imread(str(folder / f"{name}_depth.png"), cv2.IMREAD_UNCHANGED)
            for folder in (out, tmp_path / "here")
        )
        np.testing.assert_array_equal(np.asarray(depth), np.asarray(own))
    files = [each["files"] for each in report["result"]["inputs"]]
    assert files == [[str(out / f"{name}_depth.png")] for name in names]
    assert [each["input"] for each in report["result"]["inputs"]] == [
        str(path) for path in sorted(photos.iterdir())
    ]


def test_a_delegate_that_the_board_lacks_is_an_error(
    net: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert placement.main([str(net), "--board", "bench", "--delegate", "ethosu"]) == 1
    error = capfd.readouterr().err
    assert error.startswith("error: bench: ")
    assert "libethosu_delegate.so" in error


def test_a_board_without_an_npu_says_that_its_processor_ran_it(
    net: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert placement.main([str(net), "--board", "bench", "--json"]) == 0
    said = capfd.readouterr()
    assert "warning: bench: This board" in said.err
    found = json.loads(said.out)["placement"]
    assert (found["delegate"], found["taken"]) == (None, 0)


def test_a_board_is_timed_and_watched_for_heat(
    net: Path, server: SshBoard, capfd: pytest.CaptureFixture[str]
) -> None:
    more = ("--rounds", "2", "--minutes", "0.01", "--json")
    assert benchmark.main([str(net), *CPU, *more]) == 0
    report = printed(capfd)
    spread = report["time_ms"]
    assert 0 < spread["least"] <= spread["median"] <= spread["p95"] <= spread["p99"]
    heat = report["result"]["heat"]
    assert len(heat["parts"]) == 20
    assert heat["inferences"] >= 20
    assert heat["slowed"] == (heat["slowdown"] > 1.05)
    assert not [each for each in server.commands if "--board" in each]


def test_doctor_tells_of_the_board(net: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([str(net), "--board", "bench"]) == 0
    told = capfd.readouterr().out
    assert "run on cpu     works" in told
    assert "The depth is right" in told
    assert doctor.main(["--report", "page.html"]) == 1
    assert "give --board NAME" in capfd.readouterr().err
