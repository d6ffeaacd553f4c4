"""Evaluation with the network on a board: the same table as on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.ssh_board import SshBoard
from tests.support.synthetic_data import SIZE, write_dataset
from tfl_depth.boards import BoardEntry, lost_link
from tfl_depth.boards.camera_message import camera_json, json_camera
from tfl_depth.camera import Camera, DepthCalibration, Distortion, FieldOfView
from tfl_depth.camera_files import write_camera
from tfl_depth.format.contract import read_contract
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.tools.evaluate import main

CPU = ("--board", "bench", "--delegate", "cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "slopes", {"val": 3})


@pytest.fixture
def call(models: Path, data: Path, entry: BoardEntry) -> list[str]:
    return [str(models / "net.tflite"), "--dataset", "nyuv2", "--data", str(data)]


def test_the_table_is_the_same_as_here(
    call: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*call, "--json", "--output", str(tmp_path / "here")]) == 0
    here = json.loads(capfd.readouterr().out)
    page = tmp_path / "page.html"
    there = ("--output", str(tmp_path / "there"), "--report", str(page))
    assert main([*call, *CPU, "--json", *there]) == 0
    report = json.loads(capfd.readouterr().out)
    for name in ("images", "metrics", "pooled", "distance_bins"):
        assert report["result"][name] == here[name]
    tables = [(tmp_path / folder / "images.csv").read_bytes() for folder in ("here", "there")]
    assert tables[0] == tables[1]
    assert report["time_ms"]["p99"] >= report["time_ms"]["p50"] > 0
    assert report["placement"]["operators"] == 5
    assert "abs_rel" in page.read_text()


def test_the_camera_corrects_depth_there_as_here(
    call: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    contract = read_contract(Path(call[0]).read_bytes())
    lens = Distortion("pinhole", (0.1, 0.0, 0.0, 0.0))
    measured = DepthCalibration(1.25, 0.5, contract.fingerprint, "crop")
    width, height = SIZE[::-1]
    camera = Camera(width, height, Intrinsics(80.0, 81.0, 47.0, 31.0), lens, measured)
    write_camera(tmp_path / "camera.yaml", camera)
    seen = ["--camera", str(tmp_path / "camera.yaml"), "--fit", "crop", "--json"]
    assert main([*call, *seen]) == 0
    here = json.loads(capfd.readouterr().out)
    assert main([*call, *CPU, *seen]) == 0
    assert json.loads(capfd.readouterr().out)["result"]["metrics"] == here["metrics"]
    assert main([*call, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["metrics"] != here["metrics"]
    assert main([*call, *CPU, "--fov", "60", "--correct-focal"]) == 1
    assert "does not have the camera" in capfd.readouterr().err


def test_depth_is_enlarged_there_as_here(
    call: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Guided by the frames' edges, which moves depth near them."""

    def metrics(*more: str) -> dict[str, float]:
        assert main([*call, "--json", *more]) == 0
        report = json.loads(capfd.readouterr().out)
        return dict(report.get("result", report)["metrics"])

    there = metrics(*CPU, "--upsample", "guided")
    assert there == metrics("--upsample", "guided")
    assert there != metrics("--upsample", "bilinear")


@pytest.mark.parametrize("camera", [None, FieldOfView(60.5), Camera(640, 480)])
def test_a_camera_comes_back_from_its_json(camera: Camera | FieldOfView | None) -> None:
    assert json_camera(json.loads(json.dumps(camera_json(camera)))) == camera


def test_a_link_that_is_lost_between_frames_is_no_table(
    call: list[str],
    server: SshBoard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(lost_link, "RECONNECT_LIMIT_S", 0.1)
    server.boot_id = tmp_path / "boot_id"
    server.boot_id.write_text("one\n")
    server.cut, server.restarts = "frame_server", True
    try:
        assert main([*call, *CPU]) == 1
    finally:
        server.cut, server.boot_id = None, None
    said = capfd.readouterr()
    assert said.out == ""
    assert "bench restarted while it computed frames" in said.err


def test_a_keras_model_runs_on_no_board(
    call: list[str], entry: BoardEntry, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    network = tmp_path / "network.keras"
    network.write_bytes(b"not looked at")
    assert main([str(network), *call[1:], *CPU]) == 1
    assert f"run a .tflite file, got {network}" in capfd.readouterr().err
