"""The process that runs a framework: its answers, its failures, its end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from tests.converters.importers.networks import small_graph
from tfl_depth.converters.importers import child_process
from tfl_depth.converters.importers.child_process import ChildProcess
from tfl_depth.converters.importers.foreign import SourceRunner, relaid
from tfl_depth.errors import ConversionError

MODULE = """
import os, sys, time
from .refused import Refused
def double(value): return 2 * value
def path(): return [sys.path, sys.flags.isolated, os.getcwd()]
def refuse(): raise Refused("Give another network.")
def fail(): raise KeyError("conv7")
def leave(): print("loading"); print("operator Foo is unknown", file=sys.stderr); sys.exit(1)
def die(): print("Aborted: out of memory", file=sys.stderr, flush=True); os._exit(9)
def sleep(): time.sleep(60)
def talk(): print("chatter " * 9999, flush=True); return "said"
def run(path, value, outputs):
    import numpy as np
    image = np.load(value)
    np.savez(outputs, image[:, :1] * 2, image.mean())
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "children"
    shutil.copytree(child_process._CHILDREN, folder)
    (folder / "test_child.py").write_text(MODULE)
    monkeypatch.setattr(child_process, "_CHILDREN", folder)


@pytest.fixture
def child() -> ChildProcess:
    return ChildProcess(Path(sys.executable), "test")


def test_it_answers_again_and_again(child: ChildProcess) -> None:
    for value in range(3):
        assert child.ask("double", doing="double", value=value) == 2 * value
    assert child.ask("talk", doing="talk") == "said"


def test_files_of_the_current_folder_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the current folder was run')")
    (tmp_path / "numpy.py").write_text("raise SystemExit('a file of the current folder was run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = ChildProcess(Path(sys.executable), "test")
    places, isolated, folder = child.ask("path", doing="look")
    assert isolated
    assert not {"", str(tmp_path), folder} & set(places)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("refuse", r"^Give another network\.$"),
        ("fail", "^Cannot convert net: KeyError: 'conv7'$"),
        ("leave", "^Cannot convert net: .*SystemExit: 1|operator Foo"),
        ("die", r"process ended \(status 9\): Aborted: out of memory$"),
    ],
)
def test_failures_are_told_in_one_line(child: ChildProcess, what: str, words: str) -> None:
    with pytest.raises(ConversionError, match=words) as failed:
        child.ask(what, doing="convert net")
    assert "\n" not in str(failed.value)


def test_what_takes_too_long_is_ended(child: ChildProcess) -> None:
    began = time.monotonic()
    with pytest.raises(ConversionError, match=r"took more than 0\.5 s"):
        child.ask("sleep", doing="sleep", timeout_s=0.5)
    assert time.monotonic() - began < 20
    with pytest.raises(ConversionError, match="process ended"):
        child.ask("double", doing="double", value=1)


def test_a_closed_one_leaves_nothing(child: ChildProcess) -> None:
    process = psutil.Process(child._process.pid)
    folder = child.folder
    child.close()
    assert not process.is_running()
    assert not folder.exists()


def test_the_last_reference_ends_it() -> None:
    child = ChildProcess(Path(sys.executable), "test")
    process = psutil.Process(child._process.pid)
    del child
    assert not process.is_running()


def test_it_ends_where_the_parent_does(child: ChildProcess) -> None:
    """Even in the midst of work: its standard input ends."""
    process = psutil.Process(child._process.pid)
    child._requests.write(b'{"do": "sleep", "with": {}}\n')
    child._requests.flush()
    child._requests.close()
    process.wait(20)


def test_a_forked_process_is_refused(child: ChildProcess) -> None:
    child._owner = os.getpid() + 1
    with pytest.raises(ConversionError, match="Import it after the fork"):
        child.ask("double", doing="double", value=1)
    child._owner = os.getpid()


def test_a_forked_process_that_ends_leaves_it_as_it_is(tmp_path: Path) -> None:
    """A forked process that ends calls the finalizers: it removed the folder."""
    code = """
import os, sys
from pathlib import Path
from tfl_depth.converters.importers import child_process
child_process._CHILDREN = Path(sys.argv[1])
child = child_process.ChildProcess(Path(sys.executable), "test")
if (forked := os.fork()) == 0:
    sys.exit()
assert os.waitpid(forked, 0)[1] == 0 and child.folder.is_dir()
assert child.ask("double", doing="double", value=21) == 42
"""
    command = [sys.executable, "-c", code, str(child_process._CHILDREN)]
    subprocess.run(command, cwd=Path(__file__).parents[3], check=True)


def test_sources_run_in_the_layout_of_the_import(tmp_path: Path) -> None:
    """The source takes channels first and gives a map and a number; the import has them last."""
    graph = small_graph()
    graph.outputs["fine"].shape, graph.outputs["coarse"].shape = (1, 32, 48, 1), ()
    runner = SourceRunner(Path(sys.executable), "test", tmp_path, (1, 3, 32, 48), graph)
    value = np.random.default_rng(0).random((1, 32, 48, 3), np.float32)
    fine, mean = runner(value)
    assert np.array_equal(fine, value[..., :1] * 2)
    assert mean == pytest.approx(value.mean(), rel=1e-5)
    with pytest.raises(ValueError, match=r"shape \(1, 32, 48, 3\), got \(1, 3, 32, 48\)"):
        runner(value.transpose(0, 3, 1, 2))
    runner.close()


def test_layouts() -> None:
    value = np.zeros((1, 3, 4, 5), np.float32)
    assert relaid(value, (1, 4, 5, 3)).shape == (1, 4, 5, 3)
    assert relaid(value, (1, 5, 3, 4)).shape == (1, 5, 3, 4)
    assert relaid(value, (1, 3, 4, 5)) is value
    assert relaid(value, (9,)) is value
