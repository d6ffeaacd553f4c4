"""tools/doctor, on this machine and on boards laid out in folders with libraries compiled here."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tfl_depth.diagnostics import doctor_checks, doctor_report, doctor_run
from tfl_depth.diagnostics.vela_versions import NXP_VELA, fitting_vela
from tfl_depth.runtime.delegates import Board, SelectedDelegate
from tfl_depth.runtime.delegates.table import TABLE
from tfl_depth.tools import doctor

GCC = shutil.which("gcc")
needs_gcc = pytest.mark.skipif(GCC is None, reason="there is no gcc to compile libraries with")
TIMEOUT_S = 60.0
IMX8MP = "fsl,imx8mp-evk\0fsl,imx8mp\0"
Found = dict[str, Any]
MakeBoard = Callable[..., Board]

INTERFACE = """
#include <stdlib.h>
#include <unistd.h>
static char handle[1024];
void* tflite_plugin_create_delegate(char** k, char** v, size_t n, void (*say)(const char*)) {%s}
void tflite_plugin_destroy_delegate(void* delegate) {}
"""


@pytest.fixture
def make_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeBoard:
    """Lays out a board; a library's C, the body of its creation, stands in the place of text."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(compatible: str = "", **files: str) -> Board:
        root = tmp_path / "board"
        for path, content in {"proc/device-tree/compatible": compatible, **files}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if path.endswith(".so"):
                compile_library(INTERFACE % content, root / path)
            else:
                (root / path).write_text(content)
        return Board(root)

    return make


def compile_library(source: str, library: Path) -> None:
    compiler = [str(GCC), "-shared", "-fPIC", "-o", str(library), "-x", "c", "-"]
    subprocess.run(compiler, input=source, text=True, check=True)


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the import of the interpreters, which takes long."""
    monkeypatch.setattr(doctor_checks, "PACKAGES", ())


def delegate(found: Found, name: str) -> dict[str, Any]:
    (each,) = (each for each in found["delegates"] if each["name"] == name)
    return dict(each)


# This machine


@pytest.fixture(scope="module")
def here() -> Iterator[Found]:
    yield doctor_report.examine_board(Board(), None, TIMEOUT_S)


def test_this_machine_can_run_models(here: Found) -> None:
    assert here["runnable"]
    first, *others = here["interpreters"]
    assert (first["state"], first["detail"]) == ("works", "")
    assert all(each["state"] == "spare" for each in others)
    assert [each["name"] for each in here["delegates"]] == list(TABLE)
    assert here["runs"] is None


def test_the_command_prints_a_table_or_json(
    here: Found, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine_board", lambda *_: here)
    assert doctor.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(here))
    assert doctor.main([]) == 0
    printed = capsys.readouterr().out
    assert f"interpreter    {here['interpreters'][0]['name']}" in printed
    assert "ethosu" in printed


@pytest.mark.parametrize("arguments", [["--timeout", "0"], ["--timeout", "soon"], ["--unknown"]])
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        doctor.main(arguments)
    assert ended.value.code == 2


def test_a_missing_model_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([str(tmp_path / "absent.tflite")]) == 1
    assert "There is no model" in capsys.readouterr().err


# Interpreters


def test_without_an_interpreter_nothing_runs(
    make_board: MakeBoard,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor_checks, "PACKAGES", ("not_installed.interpreter",))
    found = doctor_report.examine_board(make_board(), None, TIMEOUT_S)
    assert not found["runnable"]
    assert "pip install ai-edge-litert" in found["hints"][0]
    monkeypatch.setattr(doctor, "examine_board", lambda *_: found)
    assert doctor.main([]) == 1
    assert "Nothing here can run any model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "detail"),
    [("raise ImportError('made for numpy 1')", "made for numpy 1"), ("import os; os.abort()", "")],
)
def test_a_broken_interpreter_is_told_and_harms_nothing(
    source: str,
    detail: str,
    make_board: MakeBoard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "broken_package.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(doctor_checks, "PACKAGES", ("broken_package",))
    found = doctor_report.examine_board(make_board(), None, TIMEOUT_S)
    (package,) = found["interpreters"]
    assert package["state"] == "broken"
    assert detail in package["detail"]
    assert not found["runnable"]
    assert "broken_package cannot be imported" in found["hints"][0]


# Delegates


@needs_gcc
@pytest.mark.parametrize(
    ("body", "state", "words"),
    [
        ("return handle;", "works", None),
        ('say("no device"); return NULL;', "refuses", "does not start (no device): check that no"),
        ("abort();", "crashes", "crashes (SIGABRT while the delegate was created): do not use"),
        ("for (;;) pause();", "hangs", "hangs (it was stopped after 3 s"),
    ],
)
@pytest.mark.usefixtures("no_packages")
def test_a_delegate_is_probed(
    body: str, state: str, words: str | None, make_board: MakeBoard
) -> None:
    board = make_board(IMX8MP, **{"usr/lib/libvx_delegate.so": body, "dev/galcore": ""})
    timeout_s = 3.0 if state == "hangs" else TIMEOUT_S
    found = doctor_report.examine_board(board, None, timeout_s)
    vx = delegate(found, "vx")
    assert vx["state"] == state
    assert vx["devices"] == ("/dev/galcore",)
    about = [line for line in found["hints"] if "libvx_delegate.so" in line]
    assert len(about) == (words is not None)
    if words is not None:
        assert words in about[0]
    assert found["board"]["target"] == "imx8mp"


@needs_gcc
@pytest.mark.usefixtures("no_packages")
def test_a_driver_that_is_missing_or_closed_is_named(make_board: MakeBoard) -> None:
    refusing = {"usr/lib/libvx_delegate.so": "return NULL;"}
    found = doctor_report.examine_board(make_board(**refusing), None, TIMEOUT_S)
    assert any("load the NPU's driver, which creates /dev/galcore" in x for x in found["hints"])


@pytest.mark.usefixtures("no_packages")
def test_a_library_that_is_missing_is_said_how_to_get(make_board: MakeBoard) -> None:
    by_driver = doctor_report.examine_board(make_board(**{"dev/neutron0": ""}), None, TIMEOUT_S)
    assert delegate(by_driver, "neutron")["state"] == "missing"
    assert any(TABLE["neutron"].install in line for line in by_driver["hints"])
    by_board = doctor_report.examine_board(make_board(IMX8MP), None, TIMEOUT_S)
    assert any(TABLE["vx"].install in line for line in by_board["hints"])


@pytest.mark.usefixtures("no_packages")
def test_what_is_no_library_of_this_processor_is_told(make_board: MakeBoard) -> None:
    board = make_board(**{"usr/lib/teflon/libteflon.so.txt": ""})
    (board.root / "usr/lib/teflon/libteflon.so").write_text("for another processor")
    found = doctor_report.examine_board(board, None, TIMEOUT_S)
    assert delegate(found, "teflon")["state"] == "unloadable"
    assert any("install its dependencies" in line for line in found["hints"])


# Vela


def test_vela_fits_the_release_of_the_board() -> None:
    told = fitting_vela("imx93", "6.6.36-lts-next-g1234567")
    assert told is not None
    assert "Vela 3.12.0" in told
    assert "ethos-u-vela==3.12.0" in told
    for kernel in ("6.6.52-lts", "6.6.360", "", "unknown"):
        told = fitting_vela("imx93", kernel)
        assert told is not None
        assert "is unknown" in told
    assert fitting_vela("imx8mp", "6.6.36") is None
    assert fitting_vela(None, "6.6.36") is None
    assert list(NXP_VELA.values()) == sorted(NXP_VELA.values(), key=version_key)


def version_key(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@pytest.mark.usefixtures("no_packages")
def test_an_imx93_is_told_its_vela(make_board: MakeBoard) -> None:
    files = {
        "proc/sys/kernel/osrelease": "6.12.20-lts-next\n",
        "etc/os-release": 'ID=fsl\nPRETTY_NAME="NXP i.MX Release Distro 6.12-walnascar"\n',
    }
    found = doctor_report.examine_board(make_board("fsl,imx93\0", **files), None, TIMEOUT_S)
    assert "Vela 4.2.0" in found["vela"]
    assert found["board"]["system"] == "NXP i.MX Release Distro 6.12-walnascar"


# A model


def test_a_portable_model_runs_on_the_cpu(make_board: MakeBoard, net: Path) -> None:
    found = doctor_report.examine_board(make_board(), net, TIMEOUT_S)
    (run,) = found["runs"]
    assert (run["delegate"], run["state"]) == ("cpu", "works")
    assert run["first_s"] > 0 < run["steady_s"]
    assert "has no NPU" in run["reason"]
    assert "The depth is right" in run["proof"]
    assert found["runnable"]


def test_a_model_that_cannot_be_proven_runs_and_is_said(
    make_board: MakeBoard, models: Path
) -> None:
    found = doctor_report.examine_board(make_board(), models / "net-no-golden.tflite", TIMEOUT_S)
    (run,) = found["runs"]
    assert (run["state"], run["proof"], found["runnable"]) == ("works", None, True)
    assert "no golden vectors" in "\n".join(doctor._table(found))


@pytest.mark.usefixtures("no_packages")
def test_a_compiled_model_needs_its_npu(make_board: MakeBoard, models: Path) -> None:
    found = doctor_report.examine_board(make_board(), models / "net-vela.tflite", TIMEOUT_S)
    (run,) = found["runs"]
    assert run["state"] == "fails"
    assert not found["runnable"]
    assert any("libethosu_delegate.so" in line for line in found["hints"])


@needs_gcc
def test_a_delegate_that_does_not_start_is_told_once(
    make_board: MakeBoard, models: Path, net: Path
) -> None:
    refusing = {"dev/ethosu0": "", "usr/lib/libethosu_delegate.so": "return NULL;"}
    board = make_board(**refusing)
    for model, tried in ((models / "net-vela.tflite", ["ethosu"]), (net, ["ethosu", "cpu"])):
        found = doctor_report.examine_board(board, model, TIMEOUT_S)
        assert [each["delegate"] for each in found["runs"]] == tried
        assert found["runnable"] == ("cpu" in tried)
        assert len(found["hints"]) == 1
        assert "does not start" in found["hints"][0]


@needs_gcc
def test_a_model_runs_on_a_real_delegate(make_board: MakeBoard, net: Path, library: str) -> None:
    board = make_board(**{"dev/accel/accel0": "", "usr/lib/teflon/README": ""})
    shutil.copy(library, board.root / "usr/lib/teflon/libteflon.so")
    found = doctor_report.examine_board(board, net, TIMEOUT_S)
    (run,) = found["runs"]
    assert (run["delegate"], run["state"]) == ("teflon", "works")
    assert 0 < run["taken"] <= run["operators"]


@needs_gcc
@pytest.mark.parametrize(
    ("options", "state", "words"),
    [
        ({}, "works", "The depth is right"),
        ({"shift": "100"}, "fails", "The depth is wrong"),
        ({"x": "1"}, "fails", ""),
        ({"fault": "printed-at-prepare"}, "fails", "Couldn't open kernel device"),
        ({"fault": "hang"}, "fails", "gave no answer in 3.0 s"),
    ],
)
def test_a_delegate_that_fails_or_computes_wrong_depth_does_not_run_the_model(
    options: dict[str, str],
    state: str,
    words: str,
    net: Path,
    library: str,
) -> None:
    given = {"take": "CONV_2D,MAX_POOL_2D", **options}
    selected = SelectedDelegate("test", library, given, {}, "")
    timeout_s = 3.0 if options.get("fault") == "hang" else TIMEOUT_S
    run = doctor_run.try_delegate(net.read_bytes(), selected, timeout_s)
    assert run.state == state
    assert words in (run.proof or run.detail)


@needs_gcc
@pytest.mark.usefixtures("no_packages")
def test_a_delegate_that_fails_with_the_model_leaves_it_to_the_cpu(
    make_board: MakeBoard, net: Path
) -> None:
    # It can be created, and is no delegate: its functions are null.
    board = make_board(**{"dev/accel/accel0": "", "usr/lib/libteflon.so": "return handle;"})
    found = doctor_report.examine_board(board, net, TIMEOUT_S)
    assert delegate(found, "teflon")["state"] == "works"
    broken, cpu = found["runs"]
    assert (broken["delegate"], broken["state"]) == ("teflon", "fails")
    assert "crashed: SIGSEGV" in broken["detail"]
    assert (cpu["delegate"], cpu["state"]) == ("cpu", "works")
    assert found["runnable"]
    assert any("does not run on teflon" in line for line in found["hints"])
