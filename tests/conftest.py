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
# `-m light` takes the tests of these folders and files, which need no TensorFlow,
LIGHT = ("core/", "format/", "runtime/", "tools/test_infer.py")
# without the slow ones and without these files, whose tests start many processes or take seconds.
NOT_LIGHT = {
    *("core/test_child.py", "core/test_listing.py", "core/test_whole_files.py"),
    *("runtime/test_curved_spans.py", "runtime/test_faults.py", "runtime/test_memory.py"),
    *("runtime/test_mutations.py", "runtime/test_processes.py", "runtime/test_golden_check.py"),
    "runtime/test_soak.py",
}
# The files that take longest, which processes begin with: none is left over at the end.
LONGEST = (
    "strategy/test_quick_run.py",
    "networks/test_strangers.py",
    "training/test_training.py",
    "models/test_encoders.py",
    "zoo/test_zoo_placement.py",
    "zoo/test_zoo.py",
    "training/test_backends.py",
    "tools/test_view_page.py",
    "models/test_models.py",
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m light`, leave other files unread, since many import TensorFlow at their top."""
    test_file = collection_path.name.startswith("test_")
    leave_out = config.option.markexpr == "light" and test_file and not _is_light(collection_path)
    return leave_out or None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `-m light` takes, and put the longest files first."""
    for item in items:
        if _is_light(item.path) and "slow" not in item.keywords:
            item.add_marker("light")
    items.sort(key=lambda item: _name(item.path) not in LONGEST)


def _is_light(file: Path) -> bool:
    name = _name(file)
    return name.startswith(LIGHT) and name not in NOT_LIGHT


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
