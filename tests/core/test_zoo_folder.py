"""The zoo's networks by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tfl_depth.errors import ModelFileError
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools import doctor, inspect, placement, zoo
from tfl_depth.zoo_folder import INT8, named_model, zoo_entry

METRICS = {
    "parameters": 300_000,
    "dataset": "nyuv2",
    "split": "val",
    "metrics": {"abs_rel": 0.25},
    "recipe": {"height": 64, "width": 96},
}


@pytest.fixture
def folder(tmp_path: Path, net: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of three networks, the first of them ready."""
    for name in ("small-64x96", "wide-64x96", "wide-128x96"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(METRICS))
    shutil.copy(net, tmp_path / "small-64x96" / INT8)
    monkeypatch.setenv("TFL_DEPTH_ZOO", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["small", "small-64x96"])
def test_a_name_is_the_ready_file(name: str, folder: Path) -> None:
    assert named_model(name) == folder / "small-64x96" / INT8
    with DepthRunner(name) as runner:
        assert runner.model_size == (64, 96)


def test_a_file_of_that_name_is_taken_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "small").write_bytes(b"no model")
    monkeypatch.chdir(folder)
    assert named_model("small") == Path("small")
    assert named_model("there/is/no.tflite") == Path("there/is/no.tflite")


def test_what_is_not_ready_says_what_to_do(folder: Path) -> None:
    with pytest.raises(ModelFileError, match="make it with `tfl-depth zoo make wide-64x96`"):
        DepthRunner("wide-64x96")
    with pytest.raises(ModelFileError, match=r"one network .*wide-128x96, wide-64x96.*got 'wide'"):
        DepthRunner("wide")
    with pytest.raises(ModelFileError, match=r"\(small-64x96, .*got 'large'"):
        zoo_entry("large")


@pytest.mark.parametrize("command", [doctor, inspect, placement])
def test_commands_say_what_to_do_too(
    command: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["wide-64x96", *(["--target", "cpu"] if command is placement else [])]) != 0
    assert "make it with `tfl-depth zoo make wide-64x96`" in capsys.readouterr().err


def test_without_a_zoo_the_error_says_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFL_DEPTH_ZOO", str(tmp_path / "none"))
    with pytest.raises(ModelFileError, match="clone it, and set TFL_DEPTH_ZOO"):
        zoo_entry("small")


def test_the_command_lists_what_is_ready(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert zoo.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "parameters", "abs_rel", "input", "ready", "files"]
    (ready,) = (line for line in lines if line.startswith("small-64x96"))
    assert "0.3 M" in ready and "0.2500" in ready and "64x96" in ready and INT8 in ready
    assert "zoo make wide-128x96" in lines[2]
    assert zoo.main(["--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    size = (folder / "small-64x96" / INT8).stat().st_size
    assert [each["ready"] for each in facts] == [{INT8: size}, {}, {}]


@pytest.mark.parametrize("arguments", [["make"], ["build", "small"]])
def test_an_action_without_a_name_shows_the_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        zoo.main(arguments)
    assert stopped.value.code == 2
