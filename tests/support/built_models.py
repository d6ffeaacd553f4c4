"""Models that tests open: made by the first test that asks, where they are missing."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "build" / "test-models"
ZOO = ROOT / "build" / "zoo-int8"
# What the zoo's files are made of, beside the networks.
SOURCES = ("converters", "tfl_depth", "tests/support/make_zoo.py")


def built_models() -> Path:
    """The folder that tests/support/make_models.py writes: some 20 s of processor time, once."""
    _build(MODELS, MODELS / ".complete", lambda: _make(MODELS, "tests.support.make_models"))
    return MODELS


def built_zoo(name: str) -> Path:
    """The int8 file of one of the zoo's networks, made once for each change of the sources."""
    from tests.support.make_zoo import make_zoo

    file = ZOO / f"{name}.tflite"
    # Here, where TensorFlow is loaded already.
    _build(file, file, lambda: make_zoo(file), since_s=_last_change_s())
    return file


def _last_change_s() -> float:
    files = [path for name in SOURCES for path in (ROOT / name, *(ROOT / name).rglob("*.py"))]
    return max(path.stat().st_mtime for path in files if path.is_file())


def _build(target: Path, last: Path, make: Callable[[], None], since_s: float = 0.0) -> None:
    """Make a file or folder, of which `last` is written last, unless it is as new as `since_s`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        # The other processes of pytest-xdist wait for the one that makes them.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not last.exists() or last.stat().st_mtime < since_s:
            make()


def _make(target: Path, module: str) -> None:
    command = [sys.executable, "-W", "default", "-m", module, str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(
            f"The models of {module} cannot be made with this Python: "
            f"{done.stderr.splitlines()[-1:]}. Make them with that of make setup: "
            f".venv/bin/python -m {module} {target}",
            pytrace=False,
        )
