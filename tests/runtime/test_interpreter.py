"""Which interpreter package runs a model, and what happens where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.kernels import INSTALLED
from tfl_depth.runtime import DelegateRequiredError, DepthRunner, InterpreterError
from tfl_depth.runtime.engines import interpreter
from tfl_depth.runtime.engines.interpreter import PACKAGES, open_interpreter


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    """Put modules, by name and source, where they are the only interpreters."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(interpreter, "PACKAGES", tuple(modules))


WORKING = """
from enum import Enum
OpResolverType = Enum("OpResolverType", "AUTO BUILTIN_WITHOUT_DEFAULT_DELEGATES")
class Interpreter:
    def __init__(self, **settings): self.settings, self.made_by = settings, __name__
    def _get_ops_details(self): return []
    def allocate_tensors(self): pass
"""


def test_one_is_installed_here() -> None:
    assert INSTALLED


def test_package_of_the_board_comes_first() -> None:
    assert [name.partition(".")[0] for name in PACKAGES] == [
        "tflite_runtime",
        "ai_edge_litert",
        "tensorflow",
    ]


def test_first_installed_package_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, first_of_two=WORKING, second_of_two=WORKING)
    assert open_interpreter(b"").made_by == "first_of_two"
    monkeypatch.setattr(interpreter, "PACKAGES", ("none_of_two", "second_of_two"))
    assert open_interpreter(b"").made_by == "second_of_two"


def test_settings_reach_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, listening=WORKING)
    settings = open_interpreter(b"model", num_threads=3, xnnpack=False).settings
    assert (settings["model_content"], settings["num_threads"]) == (b"model", 3)
    kernels = settings["experimental_op_resolver_type"].name
    assert kernels == "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
    by_default = open_interpreter(b"model").settings
    assert by_default["experimental_op_resolver_type"].name == "AUTO"
    assert by_default["num_threads"] >= 1


BROKEN = {
    "lacks_library": "raise ImportError('libfoo.so is missing')",
    "made_for_numpy_1": "raise SystemError('made for numpy 1')",
    "lacks_attribute": "import numpy; numpy.no_such_thing",
    "lacks_dependency": "import a_module_that_is_not_there",
    "lacks_everything": "",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_package_is_named_and_not_passed_over(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, **{name: BROKEN[name], "whole_one": WORKING})
    with pytest.raises(InterpreterError, match=name):
        open_interpreter(b"")


def test_no_package_at_all_says_what_to_install(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "PACKAGES", ("not_installed.interpreter",))
    with pytest.raises(InterpreterError, match="pip install ai-edge-litert"):
        DepthRunner(net)


def test_package_that_is_asked_for_must_be_there(net: Path) -> None:
    with pytest.raises(InterpreterError, match="not_installed"):
        open_interpreter(net.read_bytes(), package="not_installed.interpreter")


@pytest.mark.parametrize("num_threads", [0, -1])
def test_fewer_than_one_thread_are_refused(num_threads: int, net: Path) -> None:
    with pytest.raises(InterpreterError, match=f"`num_threads`.*at least 1, got {num_threads}"):
        DepthRunner(net, num_threads=num_threads)


@pytest.mark.parametrize("package", INSTALLED)
def test_what_is_no_model_is_refused(package: str) -> None:
    with pytest.raises(InterpreterError, match=f"{package}.*refuses"):
        open_interpreter(b"TFL3 is not enough", package=package)


@pytest.mark.parametrize("package", INSTALLED)
def test_operator_of_an_npu_is_named(package: str, models: Path) -> None:
    content = (models / "net-vela.tflite").read_bytes()
    with pytest.raises(DelegateRequiredError, match="'ethos-u'"):
        open_interpreter(content, package=package)


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_number_of_threads_changes_nothing(
    num_threads: int, net: Path, photo: npt.NDArray[np.uint8]
) -> None:
    with DepthRunner(net) as usual, DepthRunner(net, num_threads=num_threads) as runner:
        np.testing.assert_array_equal(runner.infer(photo), usual.infer(photo))


@pytest.mark.parametrize("xnnpack", [True, False])
@pytest.mark.parametrize("package", INSTALLED)
def test_packages_and_kernels_agree(
    package: str,
    xnnpack: bool,
    net: Path,
    photo: npt.NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Inside a network kernels round differently; in this one that makes 7 mm at most."""
    with DepthRunner(net, xnnpack=False) as runner:
        expected_mm = runner.infer(photo, size="model").astype(np.int64)
    monkeypatch.setattr(interpreter, "PACKAGES", (package,))
    with DepthRunner(net, xnnpack=xnnpack) as runner:
        depth_mm = runner.infer(photo, size="model")
    difference_mm = np.abs(depth_mm - expected_mm)
    assert np.median(difference_mm) == 0
    assert difference_mm.max() <= 20
