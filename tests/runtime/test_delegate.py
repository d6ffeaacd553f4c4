"""A delegate in the runner: loading it, what it takes, and what is said where it takes too little.

The delegate is a real one, compiled from tests/support/delegate: it computes convolutions in INT8.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.compiled import compile_library
from tests.support.kernels import INSTALLED
from tfl_depth.encoding import DepthMm
from tfl_depth.runtime import (
    DelegateCoverage,
    DelegateError,
    DelegateRequiredError,
    DepthError,
    DepthRunner,
    FallbackWarning,
)
from tfl_depth.runtime.delegates import Board
from tfl_depth.runtime.engines import interpreter

Pixels = npt.NDArray[np.uint8]
ALL = {"take": "CONV_2D,MAX_POOL_2D"}
NAME = "libtest_delegate.so"


@pytest.fixture
def expected(net: Path, photo: Pixels) -> DepthMm:
    """What TensorFlow Lite's own kernels give."""
    with DepthRunner(net, xnnpack=False) as runner:
        return runner.infer(photo)


@pytest.mark.parametrize("package", INSTALLED)
def test_delegate_takes_the_whole_network_and_computes_it(
    package: str,
    net: Path,
    library: str,
    photo: Pixels,
    expected: DepthMm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interpreter, "PACKAGES", (package,))
    with DepthRunner(net, delegate=library, delegate_options=ALL, strict=True) as runner:
        measured = runner.measure(photo)
        assert runner.delegate_coverage == DelegateCoverage(
            NAME, operators=5, taken=5, expected=5, left={}
        )
    np.testing.assert_array_equal(measured.depth_mm, expected)
    assert measured.fallback is None


@pytest.mark.parametrize("xnnpack", [None, False, True])
@pytest.mark.parametrize("package", INSTALLED)
def test_operators_that_are_left_are_named(
    package: str,
    xnnpack: bool | None,
    net: Path,
    library: str,
    photo: Pixels,
    expected: DepthMm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also beside XNNPACK, which gets nothing of what the delegate takes."""
    monkeypatch.setattr(interpreter, "PACKAGES", (package,))
    with pytest.warns(
        FallbackWarning, match=r"took 4 of 5 operators: 1 MAX_POOL_2D left to the CPU"
    ):
        runner = DepthRunner(net, delegate=library, xnnpack=xnnpack)
    with runner:
        measured = runner.measure(photo)
        assert runner.delegate_coverage == DelegateCoverage(
            NAME, 5, taken=4, expected=5, left={"MAX_POOL_2D": 1}
        )
    np.testing.assert_array_equal(measured.depth_mm, expected)
    assert measured.fallback == runner.delegate_coverage.shortfall


def test_one_operator_amid_others_is_counted(net: Path, library: str) -> None:
    with pytest.warns(FallbackWarning, match="took 1 of 5 operators: 4 CONV_2D left"):
        runner = DepthRunner(net, delegate=library, delegate_options={"take": "MAX_POOL_2D"})
    assert (runner.delegate_coverage.taken, runner.delegate_coverage.left) == (1, {"CONV_2D": 4})


def test_delegate_that_takes_nothing_is_said(net: Path, library: str) -> None:
    with pytest.warns(FallbackWarning, match="took 0 of 5 operators: 4 CONV_2D, 1 MAX_POOL_2D"):
        DepthRunner(net, delegate=library, delegate_options={"take": "nothing"}).close()


def test_less_than_all_is_an_error_where_that_is_asked_for(net: Path, library: str) -> None:
    with pytest.raises(DelegateError, match=r"took 4 of 5 operators.*strict=True.*--target"):
        DepthRunner(net, delegate=library, strict=True)


def test_without_a_delegate_the_cpu_has_everything(net: Path, photo: Pixels) -> None:
    with DepthRunner(net) as runner:
        left = {"CONV_2D": 4, "MAX_POOL_2D": 1}
        assert runner.delegate_coverage == DelegateCoverage(None, 5, taken=0, expected=5, left=left)
        assert runner.delegate_coverage.shortfall is None
        assert runner.measure(photo).fallback is None


def test_cpu_that_is_chosen_for_want_of_an_npu_is_said(
    net: Path, photo: Pixels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = importlib.import_module("tfl_depth.runtime.delegates.select")
    monkeypatch.setattr(module, "Board", lambda: Board(tmp_path))
    with pytest.warns(FallbackWarning, match="the CPU runs it") as warned:
        runner = DepthRunner(net, delegate="auto")
    assert runner.measure(photo).fallback == str(warned[0].message)
    assert len(warned) == 1
    with (
        pytest.warns(FallbackWarning),
        pytest.raises(DelegateError, match=r"the CPU runs it.*strict=True"),
    ):
        DepthRunner(net, delegate="auto", strict=True)


@pytest.mark.parametrize("package", INSTALLED)
def test_of_a_compiled_model_the_npus_operator_is_expected(
    package: str, models: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "PACKAGES", (package,))
    options = {"take": "ethos-u"}
    path = models / "net-vela.tflite"
    with DepthRunner(path, delegate=library, delegate_options=options, strict=True) as runner:
        assert (runner.delegate_coverage.taken, runner.delegate_coverage.expected) == (1, 1)


@pytest.mark.parametrize("package", INSTALLED)
def test_compiled_model_whose_operator_is_not_taken_says_so(
    package: str, models: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "PACKAGES", (package,))
    with pytest.raises(DelegateRequiredError, match=f"'ethos-u'.*{NAME} did not take it"):
        DepthRunner(models / "net-vela.tflite", delegate=library)


def test_numbers_reach_a_delegate_as_text(
    net: Path, library: str, photo: Pixels, expected: DepthMm
) -> None:
    """One step is 1000 mm / 255; across the boundary of two spans it is less."""
    with DepthRunner(net, delegate=library, delegate_options={**ALL, "shift": 1}) as runner:
        difference_mm = runner.infer(photo).astype(np.int64) - expected
    assert np.median(difference_mm) == difference_mm.max() == 4
    assert difference_mm.min() >= 0


def foreign_library(folder: Path) -> str:
    source = folder / "foreign.c"
    source.write_text("int nothing_of_a_delegate(void) { return 0; }\n")
    return str(compile_library(folder / "libforeign.so", source))


def broken_library(folder: Path) -> str:
    library = folder / "libbroken.so"
    library.write_bytes(b"no library at all")
    return str(library)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("on_fault", ["raise", "cpu"])
@pytest.mark.parametrize("fault", ["missing", "broken", "foreign", "null", "option", "prepare"])
def test_delegate_that_does_not_start_is_one_clear_error(
    fault: str, on_fault: Any, net: Path, library: str, tmp_path: Path, photo: Pixels
) -> None:
    """Or, where that is asked for, a warning, and the CPU runs the model."""
    path, options, said = {
        "missing": ("absent/libabsent.so", {}, "no library absent/libabsent.so"),
        "broken": (broken_library(tmp_path), {}, r"cannot be loaded \(.*(invalid ELF|too short)"),
        "foreign": (foreign_library(tmp_path), {}, "no TensorFlow Lite delegate.*tflite_plugin"),
        "null": (library, {"fault": "null"}, "does not start.*it gives no reason.*driver"),
        "option": (library, {"color": "red"}, "does not start.*no such option.*color"),
        "prepare": (library, {"fault": "error-at-prepare"}, "cannot run this model.*refuses"),
    }[fault]
    if on_fault == "raise":
        with pytest.raises(DelegateError, match=said):
            DepthRunner(net, delegate=path, delegate_options=options)
        return
    with pytest.warns(FallbackWarning, match=f"{said}.*The CPU runs the model instead"):
        runner = DepthRunner(net, delegate=path, delegate_options=options, on_fault="cpu")
    with runner, DepthRunner(net) as usual:
        measured = runner.measure(photo)
        np.testing.assert_array_equal(measured.depth_mm, usual.infer(photo))
        assert runner.delegate_coverage == usual.delegate_coverage
    assert measured.fallback is not None and "The CPU runs" in measured.fallback


def test_strict_runner_does_not_start_on_the_cpu(net: Path, library: str) -> None:
    options = {"fault": "null"}
    with pytest.raises(DelegateError, match="does not start"):
        DepthRunner(net, delegate=library, delegate_options=options, on_fault="cpu", strict=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"on_fault": "gpu"}, "`on_fault` to be 'raise' or 'cpu', got 'gpu'"),
        ({"fallback_model": b""}, '`fallback_model` needs on_fault="cpu"'),
    ],
)
def test_other_arguments_are_refused(options: Any, said: str, net: Path) -> None:
    with pytest.raises(DepthError, match=said):
        DepthRunner(net, **options)


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize(
    ("fault", "said"),
    [("printed-null", "does not start"), ("printed-at-prepare", "cannot run this model")],
)
def test_what_a_delegate_prints_is_in_the_message(
    fault: str, said: str, isolate: bool, net: Path, library: str
) -> None:
    """As Mesa's does: it gives no reason, and says why on standard error alone."""
    with pytest.raises(DelegateError, match=rf"{said}.*\(Couldn't open kernel device\)"):
        DepthRunner(net, delegate=library, delegate_options={"fault": fault}, isolate=isolate)
