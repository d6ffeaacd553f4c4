"""What holds for all tests: warnings are errors, the small models, and an image for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.built_models import built_models
from tests.support.compiled import compile_delegate

# Warnings are errors in the processes that tests start, too. Except, as in pyproject.toml: Keras
# hands TensorFlow variables to numpy 2 without the newer `copy` keyword.
os.environ.setdefault(
    "PYTHONWARNINGS",
    "error,ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
)

TESTS = Path(__file__).resolve().parent
# The tests of these folders and files need no TensorFlow: the environments of boards run them, with
# `-m no_tensorflow`.
NO_TENSORFLOW = (
    *("core/", "format/", "runtime/"),
    *("tools/test_benchmark.py", "tools/test_doctor.py", "tools/test_infer.py"),
)
# `-m light` runs the quick ones of them. The tests of these files are not quick.
NOT_LIGHT = {
    *("tools/test_benchmark.py", "tools/test_doctor.py"),
    *("core/test_child.py", "core/test_listing.py", "core/test_whole_files.py"),
    *("runtime/test_curved_spans.py", "runtime/test_faults.py", "runtime/test_memory.py"),
    *("runtime/test_mutations.py", "runtime/test_processes.py", "runtime/test_golden_check.py"),
    *("runtime/test_probe.py", "runtime/test_soak.py", "runtime/test_video.py"),
}
# The files that take longest, in this order: processes begin with them, and none is left over.
LONGEST = (
    "training/test_training.py",
    "networks/test_strangers.py",
    "tools/test_view_page.py",
    "strategy/test_quick_run.py",
    "models/test_encoders.py",
    "runtime/test_faults.py",
    "models/test_models.py",
    "docs/test_demo.py",
    "tools/test_convert.py",
    "zoo/test_zoo.py",
    # Before the others that look at the site, which would wait for it.
    "docs/test_site.py",
    "boards/test_remote_board.py",
    "tools/test_whole_outputs.py",
    "tools/test_inspect.py",
    "tools/test_placement.py",
    "training/test_teachers.py",
    "zoo/test_zoo_placement.py",
    "zoo/test_ready_files.py",
)
_PLACES = {name: place for place, name in enumerate(LONGEST)}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not read the files that `-m` leaves out, since many import TensorFlow at their top."""
    if config.option.markexpr not in ("light", "no_tensorflow"):
        return None
    name = _name(collection_path)
    if collection_path.is_dir():
        return not f"{name}/".startswith(NO_TENSORFLOW) and name not in (".", "tools")
    taken = _is_light if config.option.markexpr == "light" else _is_no_tensorflow
    return (collection_path.name.startswith("test_") and not taken(name)) or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the marks `no_tensorflow` and `light`, and put the longest files first."""
    for item in items:
        name = _name(item.path)
        if _is_no_tensorflow(name):
            item.add_marker("no_tensorflow")
        if _is_light(name) and "slow" not in item.keywords and not _has_tensorflow(item):
            item.add_marker("light")
    items.sort(key=lambda item: _PLACES.get(_name(item.path), len(LONGEST)))


def _has_tensorflow(item: pytest.Item) -> bool:
    """Whether TensorFlow's is the interpreter package of a test: its import takes ten seconds."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    # `reading` has the package beside other parameters.
    package, *_ = parameters.get("reading", [parameters.get("package", "")])
    return str(package).startswith("tensorflow")


def _is_no_tensorflow(name: str) -> bool:
    return name.startswith(NO_TENSORFLOW)


def _is_light(name: str) -> bool:
    return _is_no_tensorflow(name) and name not in NOT_LIGHT


def _name(file: Path) -> str:
    return file.relative_to(TESTS).as_posix()


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder that tests/support/make_models.py writes."""
    return built_models()


@pytest.fixture(scope="session")
def net(models: Path) -> Path:
    """The small convolutional network: 64 x 96 pixels to 32 x 48 depths, 10 m."""
    return models / "net.tflite"


@pytest.fixture(scope="session")
def photo() -> npt.NDArray[np.uint8]:
    """BGR pixels (150, 210, 3), smooth and colorful."""
    coarse = np.random.default_rng(1).integers(0, 256, (10, 14, 3), np.uint8)
    pixels = cv2.resize(coarse, (210, 150), interpolation=cv2.INTER_CUBIC)
    pixels.flags.writeable = False
    return np.asarray(pixels)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of the tests' own delegate, whose options tests/support/delegate/delegate.c lists."""
    return str(compile_delegate(tmp_path_factory.mktemp("delegate")))


@pytest.fixture
def no_native_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter is not even opened."""
    from tfl_depth.runtime.engines import interpreter_engine

    def fail(*_args: object, **_kwargs: object) -> NoReturn:
        pytest.fail("native code was given a bad file")

    monkeypatch.setattr(interpreter_engine, "open_with_delegate", fail)
